package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/service"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// world is a writer and its outbox on a database and a stream of their own.
type world struct {
	t        *testing.T
	database string
	nats     string
	bus      *bus.Bus
	store    *store.Store
	tenant   event.ID
	reg      *prometheus.Registry
	outbox   *outbox
	writer   *writer
	unwatch  func() // ends the watch over the writer's gate
	close    func() // of the writer and the outbox, as the stage does it
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOn(t, testkit.NATS(t).URL())
}

func newWorldOn(t *testing.T, nats string) *world {
	t.Helper()
	w := &world{t: t, database: testkit.Database(t), nats: nats}
	w.store, w.bus = testkit.Open(t, w.database), testkit.Connect(t, w.nats)
	w.tenant = testkit.Tenant(t, w.store)
	w.writing()
	return w
}

// writing starts a writer and its outbox on the world's store, and returns it.
func (w *world) writing() *writer {
	w.t.Helper()
	w.reg = prometheus.NewRegistry()
	m := newMetrics(w.reg)
	outbox := newOutbox(context.Background(), service.Env{Log: testkit.Log(w.t), Bus: w.bus, Store: w.store}, m)
	writer := newWriter(context.Background(), w.store, outbox, m)
	ctx, stop := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() { writer.watch(ctx) })
	w.outbox, w.writer = outbox, writer
	unwatch := func() {
		stop()
		watching.Wait()
	}
	w.unwatch = unwatch
	w.close = sync.OnceFunc(func() {
		unwatch()
		writer.close()
		outbox.close()
	})
	w.t.Cleanup(w.close)
	return writer
}

func (w *world) event() *store.NewEvent {
	return &store.NewEvent{Event: event.Event{ID: event.NewID(), Tenant: w.tenant, Type: "invoice.paid", Payload: []byte(`{"paid": true}`)}}
}

// hold keeps every commit of events waiting until release is called.
func (w *world) hold() (release func()) {
	w.t.Helper()
	conn := testkit.SQL(w.t, w.database)
	tx, err := conn.Begin(w.t.Context())
	require.NoError(w.t, err)
	_, err = tx.Exec(w.t.Context(), `LOCK TABLE events IN ACCESS EXCLUSIVE MODE`)
	require.NoError(w.t, err)
	return func() { require.NoError(w.t, tx.Rollback(w.t.Context())) }
}

// acceptOne has one event accepted.
func (w *world) acceptOne(ctx context.Context, e *store.NewEvent) (store.Refusal, error) {
	verdicts, err := w.writer.Accept(ctx, e)
	if err != nil {
		return 0, err
	}
	return verdicts[0].Refusal, verdicts[0].Err
}

// asked is a request that nobody waits for yet.
type asked struct {
	requests []request // one
	answered chan struct{}
}

func (w *world) ask(ctx context.Context, e *store.NewEvent) asked {
	answered := make(chan struct{}, 1)
	return asked{[]request{{ctx: ctx, event: e, answered: answered}}, answered}
}

// queue enqueues requests for the events without waiting for their verdicts.
func (w *world) queue(events ...*store.NewEvent) []asked {
	w.t.Helper()
	all := make([]asked, len(events))
	for i, e := range events {
		all[i] = w.ask(context.Background(), e)
		require.True(w.t, w.writer.queue.put(all[i].requests))
	}
	return all
}

// answer waits for the verdict on a request.
func (w *world) answer(a asked) api.Verdict {
	w.t.Helper()
	select {
	case <-a.answered:
		return a.requests[0].verdict
	case <-testkit.Context(w.t).Done():
		w.t.Fatal("no verdict")
		return api.Verdict{}
	}
}

func (w *world) count(query string, args ...any) int {
	w.t.Helper()
	return testkit.Value[int](w.t, w.database, query, args...)
}

// stored is the ids of all events.
func (w *world) stored() map[event.ID]bool {
	w.t.Helper()
	rows, err := testkit.SQL(w.t, w.database).Query(w.t.Context(), `SELECT id FROM events`)
	require.NoError(w.t, err)
	there := make(map[event.ID]bool)
	var id [16]byte
	_, err = pgx.ForEachRow(rows, []any{&id}, func() error { there[id] = true; return nil })
	require.NoError(w.t, err)
	return there
}

// commits returns how many groups were committed, and how many events in them.
func (w *world) commits() (groups, events int) {
	w.t.Helper()
	families, err := w.reg.Gather()
	require.NoError(w.t, err)
	for _, f := range families {
		if f.GetName() == "postrider_commit_events" {
			h := f.GetMetric()[0].GetHistogram()
			return int(h.GetSampleCount()), int(h.GetSampleSum())
		}
	}
	w.t.Fatal("no such metric")
	return 0, 0
}

// result reads one of the counters of events or batches.
func (w *world) result(metric, result string) int {
	w.t.Helper()
	families, err := w.reg.Gather()
	require.NoError(w.t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == metric && m.GetLabel()[0].GetValue() == result {
				return int(m.GetCounter().GetValue())
			}
		}
	}
	w.t.Fatalf("no metric %s of %s", metric, result)
	return 0
}

func TestAcceptsShareTransactions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const n = heavyShare
	release := w.hold()
	events := make([]*store.NewEvent, n)
	for i := range events {
		events[i] = w.event()
	}
	requests := w.queue(events...)
	release()
	for _, r := range requests {
		require.Equal(t, api.Verdict{}, w.answer(r))
	}
	w.close()
	groups, together := w.commits()
	require.Equal(t, n, together)
	require.LessOrEqual(t, groups, 3, "one each that the writers had begun, and one of all the others")
	require.Equal(t, n, w.count(`SELECT count(*) FROM events`))
	require.Equal(t, n, w.count(`SELECT sum(cardinality(event_ids)) FROM batches`))
}

// TestEveryCallerGetsItsOwnVerdict has callers whose events share a transaction.
func TestEveryCallerGetsItsOwnVerdict(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	used := w.event()
	used.IdempotencyKey, used.UID = "key", "order"
	refusal, err := w.acceptOne(t.Context(), used)
	require.NoError(t, err)
	require.Equal(t, store.Accepted, refusal)

	kinds := []struct {
		change func(*store.NewEvent)
		want   store.Refusal
	}{
		{func(*store.NewEvent) {}, store.Accepted},
		{func(e *store.NewEvent) { e.IdempotencyKey = "key" }, store.KeyUsed},
		{func(e *store.NewEvent) { e.UID = "order" }, store.UIDUsed},
		{func(e *store.NewEvent) { e.Tenant = event.NewID() }, store.NoTenant},
	}
	const n = 200
	events, got := make([]*store.NewEvent, n), make([]store.Refusal, n)
	var calls sync.WaitGroup
	for i := range n {
		events[i] = w.event()
		kinds[i%len(kinds)].change(events[i])
		calls.Go(func() {
			refusal, err := w.acceptOne(t.Context(), events[i])
			if err != nil {
				refusal = -1
			}
			got[i] = refusal
		})
	}
	calls.Wait()
	there := w.stored()
	for i := range n {
		require.Equal(t, kinds[i%len(kinds)].want, got[i], "event %d", i)
		require.Equal(t, got[i] == store.Accepted, there[events[i].ID])
	}
	require.Equal(t, n/4+1, w.result("postrider_events_accepted_total", "accepted"))
	require.Equal(t, n*3/4, w.result("postrider_events_accepted_total", "refused"))
}

func TestBadRowFailsAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	release := w.hold()
	events := make([]*store.NewEvent, 50)
	for i := range events {
		events[i] = w.event()
	}
	events[7].Type, events[30].Type = "a\x00b", "\xff"
	requests := w.queue(events...)
	release()
	for i, r := range requests {
		v := w.answer(r)
		if i == 7 || i == 30 {
			require.True(t, store.Bad(v.Err), "%v", v.Err)
			continue
		}
		require.Equal(t, api.Verdict{}, v, "event %d", i)
	}
	require.Equal(t, 48, w.count(`SELECT count(*) FROM events`))
	w.close()
	ids := make(map[event.ID]bool)
	for _, m := range testkit.Messages(t, w.nats, event.StreamEvents) {
		batch, err := event.DecodeEvents(m.Data)
		require.NoError(t, err)
		for _, e := range batch {
			ids[e.ID] = true
		}
	}
	require.Len(t, ids, 48, "what is accepted is published")
}

// TestManyAtOnce are accepted all or, when there is no room for all, none; those
// of one call share a commit.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	events := make([]*store.NewEvent, groupEvents)
	for i := range events {
		events[i] = w.event()
	}
	events[3].UID, events[4].UID = "order", "order"
	verdicts, err := w.writer.Accept(t.Context(), events...)
	require.NoError(t, err)
	for i, v := range verdicts {
		require.Equal(t, api.Verdict{Refusal: map[bool]store.Refusal{false: store.Accepted, true: store.UIDUsed}[i == 4]}, v)
	}
	groups, together := w.commits()
	require.Equal(t, groupEvents, together)
	require.Equal(t, 1, groups, "a call is one transaction")

	many := make([]*store.NewEvent, queued+1)
	for i := range many {
		many[i] = w.event()
	}
	_, err = w.writer.Accept(t.Context(), many...)
	require.ErrorIs(t, err, api.ErrOverloaded)
	require.Equal(t, groupEvents-1, w.count(`SELECT count(*) FROM events`), "none of them")
}

// TestNobodyWaits: an event whose caller has gone before its turn came is not
// accepted any more.
func TestNobodyWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	release := w.hold()
	var held []asked
	for range writers {
		held = append(held, w.queue(w.event())...)
		testkit.Eventually(t, func() bool { return w.writer.queue.length() == 0 }, "a writer is at work")
	}
	ctx, cancel := context.WithCancel(t.Context())
	gone := w.ask(ctx, w.event())
	require.True(t, w.writer.queue.put(gone.requests))
	held = append(held, w.queue(w.event())...)
	cancel()
	release()
	require.ErrorIs(t, w.answer(gone).Err, context.Canceled)
	for _, a := range held {
		require.Equal(t, api.Verdict{}, w.answer(a))
	}
	require.Equal(t, len(held), w.count(`SELECT count(*) FROM events`))
}

// TestFullQueueIsOverloaded sends more than writers and queue can hold while
// nothing is committed. Who is told so is not accepted, and everybody else is.
func TestFullQueueIsOverloaded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const n = queued + writers*groupEvents + 1
	release := w.hold()
	results := make(chan error, n)
	for range n {
		go func() {
			refusal, err := w.acceptOne(t.Context(), w.event())
			if refusal != store.Accepted {
				err = fmt.Errorf("refusal %d", refusal)
			}
			results <- err
		}()
	}
	require.ErrorIs(t, <-results, api.ErrOverloaded, "at once, while all others wait")
	release()
	overloaded := 1
	for range n - 1 {
		if err := <-results; err != nil {
			require.ErrorIs(t, err, api.ErrOverloaded)
			overloaded++
		}
	}
	require.Equal(t, n-overloaded, w.count(`SELECT count(*) FROM events`))
	require.Equal(t, overloaded, w.result("postrider_events_accepted_total", "overloaded"))
	refusal, err := w.acceptOne(t.Context(), w.event())
	require.NoError(t, err)
	require.Equal(t, store.Accepted, refusal, "and it goes on")
}

func TestCloseAnswersWhatIsQueued(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	release := w.hold()
	events := make([]*store.NewEvent, 700)
	for i := range events {
		events[i] = w.event()
	}
	requests := w.queue(events...)
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		w.close()
	}()
	testkit.Eventually(t, func() bool {
		probe := w.ask(context.Background(), w.event())
		if !w.writer.queue.put(probe.requests) {
			return true
		}
		requests = append(requests, probe)
		return false
	}, "nothing more is taken")
	_, err := w.acceptOne(t.Context(), w.event())
	require.ErrorIs(t, err, api.ErrOverloaded)
	release()
	<-closed
	for _, r := range requests {
		require.Len(t, r.answered, 1)
		require.Equal(t, api.Verdict{}, w.answer(r))
	}
	require.Zero(t, w.count(`SELECT count(*) FROM batches WHERE published_at IS NULL`), "and published, and noted as such")
}

func TestAcceptEndsWithItsContext(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	release := w.hold()
	defer release()
	why := errors.New("client hung up")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	_, err := w.acceptOne(ctx, w.event())
	require.ErrorIs(t, err, why)
}

// TestDatabaseAwayAcceptsNothing takes the database away under load. Every caller
// is answered; who is told that an event was accepted finds it there.
func TestDatabaseAwayAcceptsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var mu sync.Mutex
	var accepted []event.ID
	var failed atomic.Int32
	ctx, cancel := context.WithCancel(t.Context())
	var producers sync.WaitGroup
	for range 16 {
		producers.Go(func() {
			for ctx.Err() == nil {
				e := w.event()
				refusal, err := w.acceptOne(t.Context(), e)
				if err != nil {
					failed.Add(1)
					continue
				}
				mu.Lock()
				accepted = append(accepted, e.ID)
				mu.Unlock()
				if refusal != store.Accepted {
					panic("refused")
				}
			}
		})
	}
	number := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(accepted)
	}
	testkit.Eventually(t, func() bool { return number() > 100 }, "events are accepted")
	end := testkit.Outage(t, w.database)
	testkit.Eventually(t, func() bool { return failed.Load() > 100 }, "callers are told")
	during := number()
	time.Sleep(100 * time.Millisecond)
	require.Equal(t, during, number(), "nothing is accepted without a database")
	end()
	testkit.Eventually(t, func() bool { return number() > during+100 }, "events are accepted again")
	cancel()
	producers.Wait()

	there := w.stored()
	for _, id := range accepted {
		require.True(t, there[id], "accepted and not there: %x", id)
	}
}
