package dlq

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/service"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// world is what a dlq stage stands on, with one tenant.
type world struct {
	t        *testing.T
	database string
	nats     string
	bus      *bus.Bus
	store    *store.Store
	tenant   event.ID
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, database: testkit.Database(t), nats: testkit.NATS(t).URL()}
	w.store, w.bus = testkit.Open(t, w.database), testkit.Connect(t, w.nats)
	w.tenant = testkit.Tenant(t, w.store)
	return w
}

// start runs the stage until the returned function is called, or the test ends.
func (w *world) start() (stop func()) {
	w.t.Helper()
	env := service.Env{Log: testkit.Log(w.t), Reg: prometheus.NewRegistry(), Bus: w.bus, Store: w.store, Drain: 30 * time.Second}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- new(Stage).Run(ctx, env)
		close(ended)
	}()
	stop = func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
	}
	w.t.Cleanup(stop)
	return stop
}

// die publishes deliveries to the endpoint that were given up.
func (w *world) die(endpoint event.ID, n int, changes ...func(*event.Delivery)) {
	w.t.Helper()
	group := make([]bus.Message, n)
	for i := range group {
		d := event.Delivery{Event: event.NewID(), Tenant: w.tenant, Endpoint: endpoint, Type: "a", Attempt: 8, Reason: "timeout"}
		for _, change := range changes {
			change(&d)
		}
		data, err := d.Encode()
		require.NoError(w.t, err)
		group[i] = bus.Message{Subject: d.DLQSubject(), ID: d.Key(), Data: data}
	}
	require.NoError(w.t, w.bus.Publish(w.t.Context(), group...))
}

// endpoint makes an endpoint.
func (w *world) endpoint() event.ID {
	w.t.Helper()
	return testkit.Endpoint(w.t, w.store, w.tenant, "https://example.com").ID
}

// bury accepts n events and records that they were tried and are dead at the
// endpoint.
func (w *world) bury(endpoint event.ID, n int) []event.ID {
	w.t.Helper()
	ids, events, letters, attempts := make([]event.ID, n), make([]store.NewEvent, n), make([]store.DeadLetter, n), make([]store.Attempt, n)
	for i := range events {
		ids[i] = event.NewID()
		events[i] = store.NewEvent{Event: event.Event{ID: ids[i], Tenant: w.tenant, Type: "invoice.paid", Priority: event.Low, Payload: fmt.Appendf(nil, `{"n": %d}`, i)}}
		letters[i] = store.DeadLetter{Tenant: w.tenant, Endpoint: endpoint, Event: ids[i], Reason: "rejected", Attempts: 1}
		attempts[i] = store.Attempt{ID: event.NewID(), Tenant: w.tenant, Endpoint: endpoint, Event: ids[i], Number: 1, Outcome: "rejected", Response: []byte{}}
	}
	_, _, err := w.store.Accept(w.t.Context(), events, 1<<20)
	require.NoError(w.t, err)
	require.NoError(w.t, w.store.RecordAttempts(w.t.Context(), attempts))
	require.NoError(w.t, w.store.RecordDeadLetters(w.t.Context(), letters))
	return ids
}

// ask stores a task.
func (w *world) ask(task store.Task) event.ID {
	w.t.Helper()
	task.ID, task.Tenant = event.NewID(), w.tenant
	require.NoError(w.t, w.store.CreateTask(w.t.Context(), &task))
	return task.ID
}

// announce tells the stage of a task, as ingest does.
func (w *world) announce(kind string, data string) {
	w.t.Helper()
	require.NoError(w.t, w.bus.Publish(w.t.Context(), bus.Message{Subject: event.TaskSubject(kind), ID: data, Data: []byte(data)}))
}

// finished waits until a task is, and returns how many deliveries it made. By
// then it has looked at all there is.
func (w *world) finished(id event.ID) int {
	w.t.Helper()
	var task *store.Task
	testkit.Eventually(w.t, func() bool {
		var err error
		task, err = w.store.Task(w.t.Context(), id)
		require.NoError(w.t, err)
		return task.Status == store.TaskFinished
	}, "the task is finished")
	require.Equal(w.t, task.Total, task.Done)
	return int(task.Affected)
}

func (w *world) count(query string, args ...any) int {
	w.t.Helper()
	return testkit.Value[int](w.t, w.database, query, args...)
}

const letters = `SELECT count(*) FROM dead_letters`

func TestLettersAreRecordedInGroups(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	endpoint := event.NewID()
	const n = 1000
	w.die(endpoint, n)
	w.start()
	testkit.Eventually(t, func() bool { return w.count(letters) == n }, "all are recorded")
	require.Less(t, w.count(`SELECT count(DISTINCT died_at) FROM dead_letters`), n/2, "statements that it took")
	require.Equal(t, n, w.count(`SELECT count(*) FROM dead_letters WHERE endpoint_id = $1 AND tenant_id = $2 AND reason = 'timeout' AND attempts = 8`,
		[16]byte(endpoint), [16]byte(w.tenant)))
	require.Equal(t, n, testkit.StreamMessages(t, w.nats, event.StreamDLQ), "the stream keeps what it had")
}

// TestBadLettersBlockNobody has letters among others that cannot be read, or not
// be stored.
func TestBadLettersBlockNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	endpoint := event.NewID()
	subject := (&event.Delivery{Tenant: w.tenant, Endpoint: endpoint}).DLQSubject()
	for range 10 {
		w.die(endpoint, 5)
		testkit.PublishRaw(t, w.nats, subject, event.Format, []byte("no frame"))
		w.die(endpoint, 1, func(d *event.Delivery) { d.Reason = "\x00" })
		w.die(endpoint, 5)
	}
	w.start()
	testkit.Eventually(t, func() bool { return w.count(letters) == 100 }, "the others are recorded")
}

// TestLettersWaitForTheDatabase records what died while the database was away.
func TestLettersWaitForTheDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	end := testkit.Outage(t, w.database)
	w.die(event.NewID(), 10)
	w.start()
	testkit.Eventually(t, func() bool { return w.store.Health(t.Context()) != nil }, "the outage is noticed")
	end()
	testkit.Eventually(t, func() bool { return w.count(letters) == 10 }, "all are recorded")
}

// TestRedrive does a task of several parts and takes what it hands out from the
// lane, as deliver would.
func TestRedrive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	endpoint := w.endpoint()
	const n = 2*part + 10
	ids := w.bury(endpoint, n)
	bystanders := w.bury(w.endpoint(), 3)
	id := w.ask(store.Task{Kind: store.TaskRedrive, Endpoint: endpoint})
	w.start()
	w.announce(store.TaskRedrive, event.Task.Format(id))

	lane := (&event.Delivery{Tenant: w.tenant, Run: id}).Lane()
	p, err := w.bus.Pull(bus.LaneConsumer(lane), 100)
	require.NoError(t, err)
	defer p.Close()
	var got []*event.Delivery
	for ctx := testkit.Context(t); len(got) < n; {
		messages, err := p.Next(ctx, 100)
		require.NoError(t, err)
		for _, m := range messages {
			d, err := event.DecodeDelivery(m.Data)
			require.NoError(t, err)
			got = append(got, d)
			m.Ack()
		}
	}
	for i, d := range got {
		require.Positive(t, d.Version)
		d.Version = 1
		require.Equal(t, &event.Delivery{
			Event: ids[i], Tenant: w.tenant, Endpoint: endpoint, Type: "invoice.paid", Priority: event.Low, Version: 1,
			Run: id, Attempt: 1, Recheck: true, Payload: fmt.Appendf(nil, `{"n": %d}`, i),
		}, d)
	}
	require.Equal(t, n, w.finished(id))
	require.Equal(t, len(bystanders), w.count(letters))
	testkit.Eventually(t, func() bool {
		return testkit.StreamMessages(t, w.nats, event.StreamTasks) == 0 && testkit.StreamMessages(t, w.nats, event.StreamDeliver) == 0
	}, "acknowledged")

	w.announce(store.TaskRedrive, event.Task.Format(id)+" ") // cannot be read, and is thrown away
	require.NoError(t, w.bus.Publish(t.Context(), bus.Message{Subject: event.TaskSubject(store.TaskRedrive), ID: "again", Data: []byte(event.Task.Format(id))}))
	testkit.Eventually(t, func() bool { return testkit.StreamMessages(t, w.nats, event.StreamTasks) == 0 }, "done already")
	require.Zero(t, testkit.StreamMessages(t, w.nats, event.StreamDeliver))
}

func TestResend(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	endpoint := w.endpoint()
	large := bytes.Repeat([]byte("x"), event.InlineLimit+1)
	e := event.Event{ID: event.NewID(), Tenant: w.tenant, Type: "a", Payload: large}
	_, _, err := w.store.Accept(t.Context(), []store.NewEvent{{Event: e}}, 1<<20)
	require.NoError(t, err)
	w.start()
	runs := make(map[event.ID]bool)
	for range 2 { // each is a run of its own, so the second is no copy of the first
		id := w.ask(store.Task{Kind: store.TaskResend, Endpoint: endpoint, Event: e.ID})
		w.announce(store.TaskResend, event.Task.Format(id))
		require.Equal(t, 1, w.finished(id))
		runs[id] = true
	}
	deliveries := testkit.Deliveries(t, w.nats, event.StreamDeliver)
	require.Len(t, deliveries, 2)
	for _, d := range deliveries {
		require.True(t, runs[d.Run])
		delete(runs, d.Run)
		require.Equal(t, e.ID, d.Event)
		require.Equal(t, endpoint, d.Endpoint)
		require.True(t, d.Referred, "too large to travel")
		require.Empty(t, d.Payload)
	}
}

// TestPartDoneTwiceIsRecognised is what follows a death between handing a part
// out and noting it.
func TestPartDoneTwiceIsRecognised(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	endpoint := w.endpoint()
	w.bury(endpoint, 5)
	id := w.ask(store.Task{Kind: store.TaskRedrive, Endpoint: endpoint})
	r := &redriver{bus: w.bus, store: w.store, log: testkit.Log(t), metrics: newMetrics(prometheus.NewRegistry())}
	_, err := w.store.AdvanceTask(t.Context(), id, part, func(ctx context.Context, selected []store.Selected) error {
		require.NoError(t, r.handOut(ctx, id, selected))
		return context.DeadlineExceeded
	})
	require.Error(t, err)
	require.Equal(t, 5, w.count(letters))
	w.start()
	w.announce(store.TaskRedrive, event.Task.Format(id))
	require.Equal(t, 5, w.finished(id))
	require.Equal(t, 5, testkit.StreamMessages(t, w.nats, event.StreamDeliver), "each once")
}

// TestLostAnnouncementIsMadeUpFor has the sweep find a task that was never
// announced.
func TestLostAnnouncementIsMadeUpFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	endpoint := w.endpoint()
	w.bury(endpoint, 3)
	id := w.ask(store.Task{Kind: store.TaskRedrive, Endpoint: endpoint})
	_, err := testkit.SQL(t, w.database).Exec(t.Context(), `UPDATE tasks SET updated_at = now() - interval '1 minute'`)
	require.NoError(t, err)
	w.start()
	require.Equal(t, 3, w.finished(id))
	require.Equal(t, 3, testkit.StreamMessages(t, w.nats, event.StreamDeliver))
}

// TestStopBetweenParts stops the stage while a long task goes on. The next stage
// ends it, and nothing is handed out twice.
func TestStopBetweenParts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	endpoint := w.endpoint()
	const n = 7 * part // less than what its lane takes
	w.bury(endpoint, n)
	id := w.ask(store.Task{Kind: store.TaskRedrive, Endpoint: endpoint})
	w.announce(store.TaskRedrive, event.Task.Format(id))
	stop := w.start()
	testkit.Eventually(t, func() bool {
		task, err := w.store.Task(t.Context(), id)
		return err == nil && task.Done > 0
	}, "the task has begun")
	stop()
	task, err := w.store.Task(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, int(task.Done), testkit.StreamMessages(t, w.nats, event.StreamDeliver), "whole parts")
	if task.Status == store.TaskRunning {
		require.Equal(t, 1, testkit.StreamMessages(t, w.nats, event.StreamTasks), "given back, for another to go on with")
	}
	w.start()
	require.Equal(t, n, w.finished(id))
	require.Equal(t, n, testkit.StreamMessages(t, w.nats, event.StreamDeliver))
	require.Zero(t, w.count(letters))
}

// TestMissedGoesOutOnce has two tasks bring what was never tried: it is one and
// the same delivery, that of the event itself.
func TestMissedGoesOutOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	endpoint := w.endpoint()
	e := event.Event{ID: event.NewID(), Tenant: w.tenant, Type: "a", Payload: []byte("{}")}
	_, _, err := w.store.Accept(t.Context(), []store.NewEvent{{Event: e}}, 1<<20)
	require.NoError(t, err)
	require.NoError(t, w.store.RecordDeadLetters(t.Context(), []store.DeadLetter{{Tenant: w.tenant, Endpoint: endpoint, Event: e.ID, Reason: "endpoint_disabled"}}))
	missing, dead := w.ask(store.Task{Kind: store.TaskReplay, Endpoint: endpoint}), w.ask(store.Task{Kind: store.TaskRecover, Endpoint: endpoint})
	w.start()
	for _, id := range []event.ID{missing, dead} {
		w.announce("any", event.Task.Format(id))
	}
	require.Equal(t, 1, w.finished(missing))
	w.finished(dead)
	deliveries := testkit.Deliveries(t, w.nats, event.StreamDeliver)
	require.Len(t, deliveries, 1)
	d := deliveries[0]
	require.Equal(t, []any{e.ID, endpoint, event.ID{}, 1, true, true, event.Replay}, []any{d.Event, d.Endpoint, d.Run, d.Attempt, d.Missed, d.Recheck, d.Class()})
}

// TestNotSentComesBack records deliveries that were not made since the endpoint was
// disabled, and recovers them: what the event itself should have caused as that,
// but for how often it was put off, and what a task should have in a new run.
func TestNotSentComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	endpoint := w.endpoint()
	events, letters := make([]store.NewEvent, 3), make([]bus.Message, 3)
	for i := range events {
		events[i] = store.NewEvent{Event: event.Event{ID: event.NewID(), Tenant: w.tenant, Type: "a", Payload: []byte("{}")}}
		d := event.Delivery{Event: events[i].ID, Tenant: w.tenant, Endpoint: endpoint, Type: "a", Attempt: 1, Deferrals: i}
		if i == 2 {
			d.Run = event.NewID()
		}
		d = d.NotSent()
		data, err := d.Encode()
		require.NoError(t, err)
		letters[i] = bus.Message{Subject: d.DLQSubject(), ID: d.Key(), Data: data}
	}
	_, _, err := w.store.Accept(t.Context(), events, 1<<20)
	require.NoError(t, err)
	require.NoError(t, w.bus.Publish(t.Context(), letters...))
	w.start()
	testkit.Eventually(t, func() bool {
		return w.count(`SELECT count(*) FROM dead_letters WHERE reason = 'endpoint_disabled' AND attempts = 0`) == 3
	}, "all are recorded")
	id := w.ask(store.Task{Kind: store.TaskRecover, Endpoint: endpoint})
	w.announce(store.TaskRecover, event.Task.Format(id))
	require.Equal(t, 3, w.finished(id))
	deliveries := testkit.Deliveries(t, w.nats, event.StreamDeliver)
	require.Len(t, deliveries, 3)
	for i, d := range deliveries {
		own := i < 2
		want := []any{events[i].ID, own, 1, 0, []byte("{}"), event.ID{}}
		if own {
			want[3] = i
		} else {
			want[5] = id
		}
		require.Equal(t, want, []any{d.Event, d.Missed, d.Attempt, d.Deferrals, d.Payload, d.Run})
	}
}

// TestTaskWaitsForItsLane: a task hands out no more than its lane can take, a
// short one still goes through, and the first goes on when there is room.
func TestTaskWaitsForItsLane(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	endpoint := w.endpoint()
	const n = laneFull + 2*part
	w.bury(endpoint, n)
	id := w.ask(store.Task{Kind: store.TaskRedrive, Endpoint: endpoint})
	w.start()
	w.announce(store.TaskRedrive, event.Task.Format(id))
	testkit.Eventually(t, func() bool { return testkit.StreamMessages(t, w.nats, event.StreamDeliver) >= laneFull }, "the lane is full")
	e := w.bury(w.endpoint(), 1)[0]
	one := w.ask(store.Task{Kind: store.TaskResend, Endpoint: endpoint, Event: e})
	w.announce(store.TaskResend, event.Task.Format(one))
	require.Equal(t, 1, w.finished(one), "it needs no room")
	task, err := w.store.Task(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, []any{store.TaskRunning, int64(laneFull), int64(n)}, []any{task.Status, task.Done, task.Total})
	require.Equal(t, laneFull+1, testkit.StreamMessages(t, w.nats, event.StreamDeliver))

	p, err := w.bus.Pull(bus.LaneConsumer(event.LaneOf(event.Replay, w.tenant)), 256)
	require.NoError(t, err)
	defer p.Close()
	taken := 0
	for ctx := testkit.Context(t); taken < n+1; {
		messages, err := p.Next(ctx, 256)
		require.NoError(t, err)
		for _, m := range messages {
			m.Ack()
		}
		taken += len(messages)
	}
	require.Equal(t, n, w.finished(id))
}
