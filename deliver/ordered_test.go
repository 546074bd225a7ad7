package deliver

import (
	"context"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/deliver/fair"
	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/directory"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/group"
	"github.com/postrider/postrider/shared/schedule"
	"github.com/postrider/postrider/shared/service"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// receiver takes deliveries, and fails those that it is told to fail.
type receiver struct {
	url string

	mu       sync.Mutex
	inFlight int
	most     int
	calls    []string // webhook-ids
	taken    []string // of those that were answered with 200, each once
	answer   func(id string, call int) int
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{answer: func(string, int) int { return http.StatusOK }}
	r.url = receive(t, func(w http.ResponseWriter, request *http.Request) {
		id := request.Header.Get("Webhook-Id")
		r.mu.Lock()
		r.inFlight++
		r.most = max(r.most, r.inFlight)
		status := r.answer(id, len(r.calls)+1)
		r.calls = append(r.calls, id)
		if status == http.StatusOK && !slices.Contains(r.taken, id) {
			r.taken = append(r.taken, id)
		}
		r.mu.Unlock()
		w.WriteHeader(status)
		r.mu.Lock()
		r.inFlight--
		r.mu.Unlock()
	}).URL
	return r
}

func (r *receiver) got() (taken []string, calls int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.taken), len(r.calls)
}

// order is a world with an ordered endpoint and events that are on their way to it.
type order struct {
	*world
	worker   *worker
	receiver *receiver
	lane     event.OwnLane
	consumer bus.Consumer // when the lane is open
	events   []event.Event
}

func newOrder(t *testing.T, retries schedule.Schedule, changes ...func(*store.Endpoint)) *order {
	t.Helper()
	o := &order{world: newWorld(t), receiver: newReceiver(t)}
	e := testkit.Endpoint(t, o.store, o.tenant, o.receiver.url, append(changes, func(e *store.Endpoint) { e.Ordered = true })...)
	o.lane = event.OwnLane{Tenant: o.tenant, Endpoint: e.ID}
	o.worker = o.newWorker(retries)
	return o
}

// newWorker is one whose lanes are served by the test.
func (w *world) newWorker(retries schedule.Schedule) *worker {
	w.t.Helper()
	dir, err := directory.New(w.store, testkit.Log(w.t))
	require.NoError(w.t, err)
	m, log := newMetrics(prometheus.NewRegistry()), testkit.Log(w.t)
	one := &worker{
		directory: dir, store: w.store, log: log, metrics: m, caller: newCaller(w.t, testkit.Loopback()), retries: retries,
		finisher:  newFinisher(service.Env{Bus: w.bus, Store: w.store, Log: log}, m, 0),
		scheduler: fair.New(fair.Defaults(), func(fair.BreakerChange) {}),
		results:   make(chan *result),
		bus:       w.bus,
	}
	var finishing sync.WaitGroup
	finishing.Go(func() {
		group.Run(one.results, recordsGroup, func(r []*result) { one.finisher.finish(context.Background(), r) })
	})
	w.t.Cleanup(func() {
		one.scheduler.Close()
		one.attempts.Wait()
		close(one.results)
		finishing.Wait()
	})
	return one
}

// accept accepts n events, some in one transaction and some in several.
func (o *order) accept(n int) []event.Event {
	o.t.Helper()
	var fresh []event.Event
	for len(fresh) < n {
		group := make([]store.NewEvent, min(1+len(fresh)%3, n-len(fresh)))
		for i := range group {
			group[i].Event = event.Event{ID: event.NewID(), Tenant: o.tenant, Type: "invoice.paid", Payload: []byte(`{"paid": true}`)}
		}
		_, batches, err := o.store.Accept(o.t.Context(), group, 1<<20)
		require.NoError(o.t, err)
		fresh = append(fresh, batches[0].Events...)
	}
	o.events = append(o.events, fresh...)
	return fresh
}

// send puts the events into the lane as fanout does.
func (o *order) send(events ...event.Event) {
	o.t.Helper()
	for i := range events {
		o.sendDelivery(event.Delivery{Event: events[i].ID, Tx: events[i].Tx, Attempt: 1})
	}
}

func (o *order) sendDelivery(d event.Delivery) {
	o.t.Helper()
	d.Tenant, d.Endpoint, d.Type, d.Referred = o.tenant, o.lane.Endpoint, "invoice.paid", true
	data, err := d.Encode()
	require.NoError(o.t, err)
	require.NoError(o.t, o.bus.Publish(o.t.Context(), bus.Message{Subject: o.lane.Subject(), Tenant: o.tenant, ID: o.lane.MessageID(&d), Data: data}))
}

func (o *order) open() {
	o.t.Helper()
	var err error
	o.consumer, err = o.bus.OpenLane(o.t.Context(), o.lane)
	require.NoError(o.t, err)
}

// serve serves the lane until stop or kill is called; kill is what happens to a
// worker that lives no more.
func (o *order) serve() (stop func() time.Time, kill func()) {
	o.t.Helper()
	o.open()
	life, die := context.WithCancel(context.Background())
	ctx, leave := context.WithCancel(life)
	left := make(chan time.Time, 1)
	go func() { left <- o.visit(ctx, life) }()
	end := func(how func()) time.Time {
		how()
		until, ok := <-left
		if ok {
			close(left)
			require.NoError(o.t, o.bus.ResetLane(context.Background(), o.lane))
		}
		return until
	}
	o.t.Cleanup(func() {
		defer die()
		end(leave)
	})
	return func() time.Time { return end(leave) }, func() { end(die) }
}

// visit is serveOrdered without lanes.Keeper.
func (o *order) visit(ctx, life context.Context) (until time.Time) {
	l := &orderedLane{
		worker: o.worker, lane: o.lane, consumer: o.consumer, life: life,
		held:     func() bool { return life.Err() == nil },
		patience: func() time.Duration { return time.Minute },
	}
	return l.visit(ctx)
}

// left waits until n messages are left in the lane.
func (o *order) left(n int) {
	o.t.Helper()
	testkit.Eventually(o.t, func() bool { return testkit.StreamMessages(o.t, o.nats, event.StreamOverflow) == n }, "%d messages left", n)
}

// inOrder requires that all events were taken in the order of acceptance, and that
// no two were in flight together.
func (o *order) inOrder(events []event.Event) {
	o.t.Helper()
	want := make([]string, len(events))
	for i := range events {
		want[i] = event.Message.Format(events[i].ID)
	}
	taken, _ := o.receiver.got()
	require.Equal(o.t, want, taken)
	require.Equal(o.t, 1, o.receiver.most)
}

// TestOrderedThoughCrossed: messages that come in any order, some of them twice, are
// delivered once and in the order of acceptance.
func TestOrderedThoughCrossed(t *testing.T) {
	t.Parallel()
	o := newOrder(t, nil)
	mixed := slices.Clone(o.accept(100))
	rand.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	o.send(mixed[:60]...)
	o.serve()
	o.send(mixed[60:]...)
	for _, e := range mixed[:5] { // under another name, as if the stream had forgotten the first
		o.sendDelivery(event.Delivery{Event: e.ID, Tx: e.Tx, Attempt: 1, Deferrals: 1})
	}
	o.left(0)
	o.inOrder(o.events)
	_, calls := o.receiver.got()
	require.Equal(t, len(o.events), calls)
}

// TestOrderedWaitsForMissing: the second of three comes last, when the sweeper has
// found it.
func TestOrderedWaitsForMissing(t *testing.T) {
	t.Parallel()
	o := newOrder(t, nil)
	events := o.accept(5)
	o.send(events[0])
	o.send(events[2:]...)
	o.serve()
	o.left(4)
	o.send(events[1])
	o.left(0)
	o.inOrder(events)
}

// TestOrderedWaitsForFailed: what was attempted before, by a worker that died, comes
// after others, and still goes first.
func TestOrderedWaitsForFailed(t *testing.T) {
	t.Parallel()
	o := newOrder(t, schedule.Schedule{time.Millisecond})
	events := o.accept(3)
	require.NoError(t, o.store.RecordAttempts(t.Context(), []store.Attempt{{
		ID: event.NewID(), Tenant: o.tenant, Event: events[0].ID, Endpoint: o.lane.Endpoint, Number: 1,
		Outcome: string(Rejected), NextAt: time.Now(), Response: []byte{},
	}}))
	o.send(events[1:]...)
	o.serve()
	testkit.Eventually(t, func() bool {
		b, err := o.bus.Backlog(t.Context(), bus.OwnLaneConsumer(o.lane))
		return err == nil && b.Waiting == 0
	}, "the others are taken")
	o.send(events[0])
	o.left(0)
	o.inOrder(events)
}

// TestOrderedHeadFails: what fails is tried again before anything else is.
func TestOrderedHeadFails(t *testing.T) {
	t.Parallel()
	o := newOrder(t, schedule.Schedule{time.Millisecond, 20 * time.Millisecond, time.Millisecond})
	failures := make(map[string]int)
	o.receiver.answer = func(id string, _ int) int {
		if failures[id] < int(id[len(id)-1])%4 {
			failures[id]++
			return http.StatusInternalServerError
		}
		return http.StatusOK
	}
	o.send(o.accept(40)...)
	o.serve()
	o.left(0)
	o.inOrder(o.events)
	_, calls := o.receiver.got()
	require.Greater(t, calls, len(o.events))
	require.Len(t, o.attempts(), calls)
	for i, a := range o.attempts()[1:] {
		before := o.attempts()[i]
		if a.Event == before.Event {
			require.Equal(t, before.Number+1, a.Number)
		}
	}
	o.nothingOn(event.StreamRetry, event.StreamDLQ)
}

// TestOrderedDead: what is exhausted is a dead letter, and so is what fails once where
// the endpoint skips failures; the next one has its turn.
func TestOrderedDead(t *testing.T) {
	t.Parallel()
	for policy, attempts := range map[string]int{store.OrderedBlock: 3, store.OrderedSkip: 1} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			o := newOrder(t, schedule.Schedule{time.Millisecond, time.Millisecond}, func(e *store.Endpoint) { e.OrderedPolicy = policy })
			events := o.accept(3)
			bad := event.Message.Format(events[1].ID)
			o.receiver.answer = func(id string, _ int) int {
				if id == bad {
					return http.StatusInternalServerError
				}
				return http.StatusOK
			}
			o.send(events...)
			o.serve()
			o.left(0)
			o.inOrder([]event.Event{events[0], events[2]})
			_, calls := o.receiver.got()
			require.Equal(t, 2+attempts, calls)
			letter, _ := o.on(event.StreamDLQ)
			require.Equal(t, []any{events[1].ID, attempts, "rejected"}, []any{letter.Event, letter.Attempt, letter.Reason})
		})
	}
}

// TestOrderedSurvivesItsWorker kills the worker again and again, at any moment: what
// was in flight may come again, and nothing else, and the order is kept.
func TestOrderedSurvivesItsWorker(t *testing.T) {
	t.Parallel()
	o := newOrder(t, slices.Repeat(schedule.Schedule{time.Millisecond}, 40))
	o.receiver.answer = func(_ string, call int) int {
		if call%10 == 0 {
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	}
	mixed := slices.Clone(o.accept(150))
	rand.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	o.send(mixed...)
	kills := 0
	for ; testkit.StreamMessages(t, o.nats, event.StreamOverflow) > 0; kills++ {
		_, kill := o.serve()
		_, before := o.receiver.got()
		testkit.Eventually(t, func() bool {
			_, calls := o.receiver.got()
			return calls >= before+20 || testkit.StreamMessages(t, o.nats, event.StreamOverflow) == 0
		}, "it goes on")
		kill()
	}
	require.Greater(t, kills, 2)
	o.inOrder(o.events)
	_, calls := o.receiver.got()
	require.LessOrEqual(t, calls, len(o.events)+len(o.events)/5+kills)
}

// TestOrderedRests: for a long wait the messages are given back, and the attempt that
// was made is found when the lane is served again.
func TestOrderedRests(t *testing.T) {
	t.Parallel()
	o := newOrder(t, schedule.Schedule{time.Hour})
	o.receiver.answer = func(string, int) int { return http.StatusInternalServerError }
	o.send(o.accept(3)...)
	o.open()
	for range 2 {
		until := o.visit(t.Context(), t.Context())
		require.WithinRange(t, until, time.Now().Add(40*time.Minute), time.Now().Add(80*time.Minute))
		require.NoError(t, o.bus.ResetLane(t.Context(), o.lane))
		o.open()
	}
	_, calls := o.receiver.got()
	require.Equal(t, 1, calls)
	require.Equal(t, 3, testkit.StreamMessages(t, o.nats, event.StreamOverflow))
}

// TestNotOrderedAnyMore leaves everything where it is.
func TestNotOrderedAnyMore(t *testing.T) {
	t.Parallel()
	o := newOrder(t, nil, func(e *store.Endpoint) { e.Description = "to be changed" })
	o.send(o.accept(3)...)
	_, err := testkit.SQL(t, o.database).Exec(t.Context(), `UPDATE endpoints SET ordered = false WHERE id = $1`, [16]byte(o.lane.Endpoint))
	require.NoError(t, err)
	o.open()
	require.Zero(t, o.visit(t.Context(), t.Context()))
	_, calls := o.receiver.got()
	require.Zero(t, calls)
	require.Equal(t, 3, testkit.StreamMessages(t, o.nats, event.StreamOverflow))
}

// TestOrderedRun: what a task brings has no place in the order and is delivered all
// the same, again too although the event was delivered before.
func TestOrderedRun(t *testing.T) {
	t.Parallel()
	o := newOrder(t, nil)
	events := o.accept(3)
	o.send(events[:2]...)
	o.serve()
	o.left(0)
	o.sendDelivery(event.Delivery{Event: events[0].ID, Run: event.NewID(), Attempt: 1, Recheck: true})
	o.send(events[2])
	o.left(0)
	o.inOrder(events)
	_, calls := o.receiver.got()
	require.Equal(t, 4, calls)
	runs := 0
	for _, a := range o.attempts() {
		if !a.Run.IsZero() {
			runs++
		}
	}
	require.Equal(t, 1, runs)
}

// TestBecomesOrdered: an endpoint becomes ordered, is so no more, and is again, while
// messages for it are on their way by all lanes. Each arrives, and no two are in
// flight as long as it is ordered.
func TestBecomesOrdered(t *testing.T) {
	t.Parallel()
	o := newOrder(t, nil)
	set := func(ordered bool) {
		_, err := testkit.SQL(t, o.database).Exec(t.Context(), `UPDATE endpoints SET ordered = $2 WHERE id = $1`, [16]byte(o.lane.Endpoint), ordered)
		require.NoError(t, err)
	}
	bySharedLane := func(events []event.Event) {
		for _, e := range events {
			o.publish(&event.Delivery{
				Event: e.ID, Tx: e.Tx, Tenant: o.tenant, Endpoint: o.lane.Endpoint, Type: e.Type, Attempt: 1, Payload: e.Payload,
			})
		}
	}
	arrived := func(n int) {
		testkit.Eventually(t, func() bool {
			taken, _ := o.receiver.got()
			return len(taken) >= n
		}, "%d have arrived", n)
	}
	o.startWith(testkit.Loopback(), "3m")
	bySharedLane(o.accept(30))
	o.send(o.accept(30)...)
	o.bus.Signal(o.lane)
	arrived(20)
	o.receiver.mu.Lock()
	require.Equal(t, 1, o.receiver.most)
	o.receiver.mu.Unlock()
	set(false)
	o.send(o.accept(30)...)
	bySharedLane(o.accept(30))
	o.bus.Signal(o.lane)
	arrived(80)
	set(true)
	bySharedLane(o.accept(30))
	o.acknowledged(0)
	o.left(0)
	taken, calls := o.receiver.got()
	require.Len(t, taken, len(o.events))
	require.Equal(t, len(o.events), calls)
	o.nothingOn(event.StreamRetry, event.StreamDLQ)
}
