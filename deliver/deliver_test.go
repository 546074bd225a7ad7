package deliver

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/deliver/fair"
	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/directory"
	"github.com/postrider/postrider/shared/egress"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/service"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// world is what a deliver stage stands on, with one tenant.
type world struct {
	t        *testing.T
	database string
	nats     string
	bus      *bus.Bus
	store    *store.Store
	tenant   event.ID
	metrics  *prometheus.Registry // of the stage that was started last
	watched  <-chan struct{}      // closed when it sees changes, and forgets nothing any more for fear of having missed some
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, database: testkit.Database(t), nats: testkit.NATS(t).URL()}
	w.store, w.bus = testkit.Open(t, w.database), testkit.Connect(t, w.nats)
	w.tenant = testkit.Tenant(t, w.store)
	return w
}

// start runs a stage whose attempts may fail once, and returns what ends it.
// It ends with the test in any case.
func (w *world) start() (stop func() <-chan error) {
	w.t.Helper()
	return w.startWith(testkit.Loopback(), "3m")
}

func (w *world) startWith(policy egress.Policy, schedule string, changes ...func(*Stage)) (stop func() <-chan error) {
	w.t.Helper()
	dir, err := directory.New(w.store, testkit.Log(w.t))
	require.NoError(w.t, err)
	told := make(chan struct{})
	w.watched = told
	tell := sync.OnceFunc(func() { close(told) })
	dir.Subscribe(func(event.ID) { tell() })
	w.metrics = prometheus.NewRegistry()
	env := service.Env{
		Log: testkit.Log(w.t), Reg: w.metrics, Bus: w.bus, Store: w.store, Directory: dir, Egress: policy,
		Drain: 30 * time.Second,
	}
	stage := &Stage{Timeout: 30 * time.Second, Schedule: schedule, Slots: fair.Defaults().Slots, KeepHeaders: string(keepFailed)}
	for _, change := range changes {
		change(stage)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	running := make(chan struct{})
	go func() {
		defer close(running)
		var watching sync.WaitGroup
		defer watching.Wait()
		watched, stop := context.WithCancel(context.Background())
		defer stop()
		watching.Go(func() { dir.Run(watched) })
		ended <- stage.Run(ctx, env)
	}()
	w.t.Cleanup(func() {
		cancel()
		<-running
	})
	return func() <-chan error {
		cancel()
		return ended
	}
}

// delivery to the endpoint that has the URL.
func (w *world) delivery(url string, changes ...func(*store.Endpoint)) *event.Delivery {
	w.t.Helper()
	return &event.Delivery{
		Event: event.NewID(), Tenant: w.tenant, Endpoint: testkit.Endpoint(w.t, w.store, w.tenant, url, changes...).ID,
		Type: "invoice.paid", Attempt: 1, Payload: []byte(`{"paid": true}`),
	}
}

func (w *world) publish(d *event.Delivery) {
	w.t.Helper()
	data, err := d.Encode()
	require.NoError(w.t, err)
	require.NoError(w.t, w.bus.Publish(w.t.Context(), bus.Message{Subject: d.Subject(), ID: d.Key(), Data: data}))
}

// acknowledged waits until n deliveries are left in all lanes.
func (w *world) acknowledged(n int) {
	w.t.Helper()
	testkit.Eventually(w.t, func() bool {
		return testkit.StreamMessages(w.t, w.nats, event.StreamDeliver)+testkit.StreamMessages(w.t, w.nats, event.StreamOverflow) == n
	}, "%d deliveries left", n)
}

// nothingInMemory waits until the stage holds no delivery: what it does not count
// back would some day be all the room that there is.
func (w *world) nothingInMemory() {
	w.t.Helper()
	testkit.Eventually(w.t, func() bool {
		families, err := w.metrics.Gather()
		require.NoError(w.t, err)
		for _, f := range families {
			if f.GetName() == "postrider_deliveries_held" {
				return f.GetMetric()[0].GetGauge().GetValue() == 0
			}
		}
		w.t.Fatal("it does not say")
		return false
	}, "nothing is in memory")
}

// attempts of the tenant, in order.
func (w *world) attempts() []store.Attempt {
	w.t.Helper()
	all, _, err := w.store.Attempts(w.t.Context(), w.tenant, store.AttemptFilter{}, store.Page[event.ID]{Limit: 1000, Ascending: true})
	require.NoError(w.t, err)
	return all
}

// on returns the one delivery on a stream, and its subject.
func (w *world) on(stream string) (*event.Delivery, string) {
	w.t.Helper()
	deliveries := testkit.Deliveries(w.t, w.nats, stream)
	require.Len(w.t, deliveries, 1)
	message := testkit.Messages(w.t, w.nats, stream)[0]
	require.Equal(w.t, deliveries[0].Key(), message.ID)
	return deliveries[0], message.Subject
}

func (w *world) nothingOn(streams ...string) {
	w.t.Helper()
	for _, stream := range streams {
		require.Zero(w.t, testkit.StreamMessages(w.t, w.nats, stream), stream)
	}
}

// answering starts a receiver that always answers with a status, and counts.
func answering(t *testing.T, status int) (url string, calls *atomic.Int32) {
	t.Helper()
	calls = new(atomic.Int32)
	r := receive(t, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.WriteHeader(status)
		_, _ = w.Write([]byte("answer"))
	})
	return r.URL, calls
}

func TestSuccessIsRecordedAndAcknowledged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, got := catch(t)
	d := w.delivery(r.URL)
	w.start()
	began := time.Now()
	w.publish(d)
	w.acknowledged(0)
	require.Len(t, got, 1)
	require.Equal(t, d.Payload, (<-got).body)
	w.nothingOn(event.StreamRetry, event.StreamDLQ)
	attempts := w.attempts()
	require.Len(t, attempts, 1)
	a := attempts[0]
	require.WithinDuration(t, began, a.ID.Time(), time.Minute)
	require.WithinDuration(t, began, a.QueuedAt, time.Minute)
	require.GreaterOrEqual(t, a.Duration, time.Duration(0))
	a.ID, a.Duration, a.QueuedAt = event.ID{}, 0, time.Time{}
	require.Equal(t, store.Attempt{
		Tenant: d.Tenant, Event: d.Event, Endpoint: d.Endpoint, Number: 1, Outcome: "success", StatusCode: 200, URL: r.URL, Response: []byte{},
		Lane: string(d.Lane()),
	}, a)
}

func TestFailureGoesToRetry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url, calls := answering(t, http.StatusInternalServerError)
	d := w.delivery(url)
	began := time.Now()
	w.start()
	w.publish(d)
	w.acknowledged(0)
	w.nothingOn(event.StreamDLQ)
	next, subject := w.on(event.StreamRetry)
	require.Equal(t, "retry.2m", subject, "the longest tier within 3m ±20 %")
	require.WithinRange(t, next.Due, began.Add(144*time.Second), time.Now().Add(216*time.Second))
	attempts := w.attempts()
	require.Len(t, attempts, 1)
	require.Equal(t, "rejected", attempts[0].Outcome)
	require.Equal(t, 500, attempts[0].StatusCode)
	require.Equal(t, "answer", string(attempts[0].Response))
	require.WithinDuration(t, next.Due, attempts[0].NextAt, time.Millisecond, "what the API shows is what will happen")
	want := *d
	want.Attempt, want.Due = 2, next.Due
	require.Equal(t, &want, next)
	require.EqualValues(t, 1, calls.Load())
}

func TestExhaustedGoesToDLQ(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url, _ := answering(t, http.StatusServiceUnavailable)
	d := w.delivery(url)
	d.Attempt = 2 // the schedule has one delay
	w.start()
	w.publish(d)
	w.acknowledged(0)
	w.nothingOn(event.StreamRetry)
	dead, subject := w.on(event.StreamDLQ)
	require.Equal(t, "dlq."+event.Tenant.Format(d.Tenant)+"."+event.Endpoint.Format(d.Endpoint), subject)
	want := *d
	want.Reason = "throttled"
	require.Equal(t, &want, dead)
	attempts := w.attempts()
	require.Len(t, attempts, 1)
	require.Equal(t, 2, attempts[0].Number)
	require.Zero(t, attempts[0].NextAt)
}

// TestWithoutUse has deliveries whose attempt is the last whatever the schedule
// says, made or not.
func TestWithoutUse(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		prepare func(*world, *event.Delivery)
		policy  egress.Policy
		status  int
		calls   int32
		reason  Outcome
	}{
		"disabled at a retry": {func(w *world, d *event.Delivery) {
			d.Attempt = 2
			w.disable(d)
		}, testkit.Loopback(), 200, 0, Disabled},
		"gone":            {nil, testkit.Loopback(), http.StatusGone, 1, Gone},
		"private address": {nil, egress.Policy{}, 200, 0, Blocked},
		"payload expired": {func(_ *world, d *event.Delivery) { d.Expires = time.Now() }, testkit.Loopback(), 200, 0, Expired},
		"payload dropped": {func(_ *world, d *event.Delivery) { d.Payload, d.Referred = nil, true }, testkit.Loopback(), 200, 0, Expired},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			url, calls := answering(t, tt.status)
			d := w.delivery(url)
			if tt.prepare != nil {
				tt.prepare(w, d)
			}
			w.startWith(tt.policy, "3m")
			w.publish(d)
			w.acknowledged(0)
			w.nothingOn(event.StreamRetry)
			dead, _ := w.on(event.StreamDLQ)
			require.EqualValues(t, tt.reason, dead.Reason)
			attempts := w.attempts()
			require.Len(t, attempts, 1)
			require.EqualValues(t, tt.reason, attempts[0].Outcome)
			require.NotContains(t, string(attempts[0].Response), "127.0.0.1", "what a name leads to is not for tenants")
			require.Equal(t, tt.calls, calls.Load())
			e, err := w.store.Endpoint(t.Context(), w.tenant, store.Ref{ID: d.Endpoint})
			require.NoError(t, err)
			require.Equal(t, tt.reason == Gone || tt.reason == Disabled, e.Disabled, "who is gone is not called again")
		})
	}
}

// TestDeletedIsForgotten deletes the endpoint of one delivery and the tenant of
// another while they are on their way.
func TestDeletedIsForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url, calls := answering(t, http.StatusOK)
	one := w.delivery(url)
	require.NoError(t, w.store.DeleteEndpoint(t.Context(), w.tenant, store.Ref{ID: one.Endpoint}))
	stranger := *one
	stranger.Event, stranger.Tenant = event.NewID(), testkit.Tenant(t, w.store)
	stranger.Endpoint = testkit.Endpoint(t, w.store, stranger.Tenant, url).ID
	require.NoError(t, w.store.DeleteTenant(t.Context(), store.Ref{ID: stranger.Tenant}))
	w.start()
	w.publish(one)
	w.publish(&stranger)
	w.acknowledged(0)
	w.nothingOn(event.StreamRetry, event.StreamDLQ)
	require.Empty(t, w.attempts())
	require.Zero(t, calls.Load())
}

func TestReferredPayloadIsReadFromTheStore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, got := catch(t)
	d := w.delivery(r.URL)
	large := make([]byte, event.InlineLimit+1)
	_, _, err := w.store.Accept(t.Context(), []store.NewEvent{{Event: event.Event{ID: d.Event, Tenant: w.tenant, Type: d.Type, Payload: large}}}, 1<<20)
	require.NoError(t, err)
	d.Payload, d.Referred = nil, true
	w.start()
	w.publish(d)
	w.acknowledged(0)
	require.Equal(t, large, (<-got).body)
}

// giveBack takes n deliveries from a lane and gives them back.
func (w *world) giveBack(l event.Lane, n int) {
	w.t.Helper()
	p, err := w.bus.Pull(bus.LaneConsumer(l), n)
	require.NoError(w.t, err)
	defer p.Close()
	var taken []*bus.Msg
	for ctx := testkit.Context(w.t); len(taken) < n; {
		messages, err := p.Next(ctx, n)
		require.NoError(w.t, err)
		taken = append(taken, messages...)
	}
	for _, m := range taken {
		m.Nak(0)
	}
}

// TestMadeAttemptIsNotMadeAgain gives the worker deliveries whose attempt another
// has made and recorded before it died: it does what that one did not come to.
func TestMadeAttemptIsNotMadeAgain(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"published again", "delivered again", "had again by its stream", "late"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			url, calls := answering(t, http.StatusOK)
			succeeded, failed, died, fresh := w.delivery(url), w.delivery(url), w.delivery(url), w.delivery(url)
			due := time.Now().Add(10 * time.Minute).UTC().Truncate(time.Microsecond)
			if name == "late" { // and so handed out again, perhaps
				for _, d := range []*event.Delivery{succeeded, failed, died, fresh} {
					d.Attempt, d.Due = 2, time.Now().Add(-2*event.Late)
				}
			}
			made := func(d *event.Delivery, o Outcome, next time.Time) store.Attempt {
				return store.Attempt{
					ID: event.NewID(), Tenant: d.Tenant, Event: d.Event, Endpoint: d.Endpoint, Number: d.Attempt,
					Outcome: string(o), NextAt: next, URL: url, Response: []byte{},
				}
			}
			require.NoError(t, w.store.RecordAttempts(t.Context(), []store.Attempt{
				made(succeeded, Success, time.Time{}), made(failed, Timeout, due), made(died, Rejected, time.Time{}),
			}))
			for _, d := range []*event.Delivery{succeeded, failed, died, fresh} {
				d.Recheck = name == "published again"
				w.publish(d)
			}
			if name == "had again by its stream" {
				w.bus.Doubt(time.Now())
			}
			if name == "delivered again" {
				w.giveBack(fresh.Lane(), 4)
			}
			w.start()
			w.acknowledged(0)
			require.EqualValues(t, 1, calls.Load(), "only the attempt that was not made")
			require.Len(t, w.attempts(), 4, "each once")
			next, subject := w.on(event.StreamRetry)
			require.Equal(t, failed.Event, next.Event)
			require.Equal(t, failed.Attempt+1, next.Attempt)
			require.True(t, due.Equal(next.Due), "as it was planned")
			require.Equal(t, "retry.2m", subject)
			require.True(t, next.Recheck, "it may have been handed on before")
			dead, _ := w.on(event.StreamDLQ)
			require.Equal(t, died.Event, dead.Event)
			require.Equal(t, "rejected", dead.Reason)
		})
	}
}

// TestDatabaseAwayWhileRecording takes the database away while an attempt is in
// flight. It is acknowledged only when it is recorded, once, and not made again.
func TestDatabaseAwayWhileRecording(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"success": http.StatusOK, "failure": http.StatusInternalServerError} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			var calls atomic.Int32
			called, answer := make(chan struct{}), make(chan struct{})
			release := sync.OnceFunc(func() { close(answer) })
			r := receive(t, func(rw http.ResponseWriter, _ *http.Request) {
				if calls.Add(1) == 1 {
					close(called)
				}
				<-answer
				rw.WriteHeader(status)
			})
			d := w.delivery(r.URL)
			w.start()
			t.Cleanup(release) // or the stage would not end
			w.publish(d)
			<-called
			end := testkit.Outage(t, w.database)
			release()
			time.Sleep(time.Second) // longer than it takes to fail to record, twice
			require.Equal(t, 1, testkit.StreamMessages(t, w.nats, event.StreamDeliver), "not acknowledged")
			w.nothingOn(event.StreamRetry, event.StreamDLQ)
			end()
			w.acknowledged(0)
			require.Len(t, w.attempts(), 1)
			require.EqualValues(t, 1, calls.Load())
			retried := testkit.StreamMessages(t, w.nats, event.StreamRetry)
			require.Equal(t, status != http.StatusOK, retried == 1)
		})
	}
}

// TestStreamAwayWhileHandingOn stops NATS while an attempt is in flight: the
// failure is recorded at once and handed on when there is a stream again.
func TestStreamAwayWhileHandingOn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server := testkit.NATSAt(t, dir, 0)
	w := &world{t: t, database: testkit.Database(t), nats: server.URL()}
	w.store, w.bus = testkit.Open(t, w.database), testkit.Connect(t, w.nats)
	w.tenant = testkit.Tenant(t, w.store)
	var calls atomic.Int32
	called, answer := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(answer) })
	r := receive(t, func(rw http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) == 1 {
			close(called)
		}
		<-answer
		rw.WriteHeader(http.StatusInternalServerError)
	})
	d := w.delivery(r.URL)
	w.start()
	t.Cleanup(release) // or the stage would not end
	w.publish(d)
	<-called
	server.Stop()
	release()
	testkit.Eventually(t, func() bool { return len(w.attempts()) == 1 }, "the attempt is recorded")
	testkit.NATSAt(t, dir, testkit.Port(t, w.nats))
	w.acknowledged(0)
	next, _ := w.on(event.StreamRetry)
	require.Equal(t, 2, next.Attempt)
	require.Len(t, w.attempts(), 1)
	require.EqualValues(t, 1, calls.Load())
}

// TestStopGivesBackWhatWaits stops a worker that is full. What it has not started
// is there for another while the attempts in flight still go on.
func TestStopGivesBackWhatWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const n = 60 // more than an endpoint's slots, a tenant's queue and a pull together
	var calls atomic.Int32
	answer := make(chan struct{})
	release := sync.OnceFunc(func() { close(answer) })
	r := receive(t, func(http.ResponseWriter, *http.Request) {
		calls.Add(1)
		<-answer
	})
	d := w.delivery(r.URL)
	for range n {
		d.Event = event.NewID()
		w.publish(d)
	}
	stop := w.start()
	t.Cleanup(release) // or the stage would not end
	const started = 4  // at an endpoint of which nothing is known
	testkit.Eventually(t, func() bool { return int(calls.Load()) == started }, "all slots of the endpoint are taken")
	ended := stop()

	ctx, other, got := testkit.Context(t), testkit.Connect(t, w.nats), make(chan *bus.Msg, n)
	for _, l := range []event.OwnLane{{Tenant: w.tenant}, {Tenant: w.tenant, Endpoint: d.Endpoint}} {
		c, err := other.OpenLane(ctx, l)
		require.NoError(t, err)
		pullAll(t, other, c, got)
	}
	pullAll(t, other, bus.LaneConsumer(d.Lane()), got)
	for range n - started {
		testkit.Receive(t, got).Ack()
	}
	require.Empty(t, ended, "attempts in flight are waited for")
	release()
	require.NoError(t, <-ended)
	w.acknowledged(0)
	require.Len(t, w.attempts(), started)
	require.EqualValues(t, started, calls.Load())
}

// pullAll takes what a consumer has until the test ends.
func pullAll(t *testing.T, b *bus.Bus, c bus.Consumer, got chan<- *bus.Msg) {
	t.Helper()
	p, err := b.Pull(c, cap(got))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer p.Close()
		for {
			messages, err := p.Next(ctx, cap(got))
			if err != nil {
				return
			}
			for _, m := range messages {
				got <- m
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

func TestValidate(t *testing.T) {
	t.Parallel()
	require.NoError(t, (&Stage{Timeout: time.Second, Schedule: "none", Slots: 1, KeepHeaders: "all"}).Validate())
	for name, stage := range map[string]*Stage{
		"no schedule":      {Timeout: time.Second, Schedule: "soon", Slots: 1, KeepHeaders: "none"},
		"timeout too long": {Timeout: time.Hour, Slots: 1, KeepHeaders: "none"},
		"no timeout":       {Slots: 1, KeepHeaders: "none"},
		"breaker":          {Timeout: time.Second, Schedule: "none", Slots: 1, BreakerAfter: -1, KeepHeaders: "none"},
		"no slots":         {Timeout: time.Second, Schedule: "none", KeepHeaders: "none"},
		"too many slots":   {Timeout: time.Second, Schedule: "none", Slots: 1e6, KeepHeaders: "none"},
		"headers":          {Timeout: time.Second, Schedule: "none", Slots: 1, KeepHeaders: "some"},
	} {
		require.Error(t, stage.Validate(), name)
	}
}
