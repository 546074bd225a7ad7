package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// lossy is what reconciliations are tested on: a tenant with what it has accepted,
// all of it published.
type lossy struct {
	*store.Store
	t      *testing.T
	url    string
	tenant event.ID

	out []event.Delivery // that was handed out
}

func newLossy(t *testing.T) *lossy {
	t.Helper()
	l := &lossy{t: t, url: testkit.Database(t)}
	l.Store = testkit.Open(t, l.url)
	l.tenant = testkit.Tenant(t, l.Store)
	return l
}

// accept stores an event and has it published.
func (l *lossy) accept(changes ...func(*store.NewEvent)) event.Event {
	l.t.Helper()
	e := newEvent(l.tenant)
	for _, change := range changes {
		change(&e)
	}
	_, batches, err := l.Accept(l.t.Context(), []store.NewEvent{e}, 1<<20)
	require.NoError(l.t, err)
	require.NoError(l.t, l.MarkPublished(l.t.Context(), []store.Published{{Batch: batches[0].ID}}))
	return batches[0].Events[0]
}

// attempted records an attempt of the event at the endpoint.
func (l *lossy) attempted(e event.Event, endpoint event.ID, outcome string, changes ...func(*store.Attempt)) store.Attempt {
	l.t.Helper()
	d := e.To(endpoint)
	a := attemptOf(&d, outcome)
	for _, change := range changes {
		change(&a)
	}
	require.NoError(l.t, l.RecordAttempts(l.t.Context(), []store.Attempt{a}))
	return a
}

// nextAt has another attempt follow.
func nextAt(in time.Duration) func(*store.Attempt) {
	return func(a *store.Attempt) { a.NextAt = time.Now().Add(in).UTC().Truncate(time.Microsecond) }
}

func (l *lossy) died(e event.Event, endpoint event.ID, attempts int) {
	l.t.Helper()
	require.NoError(l.t, l.RecordDeadLetters(l.t.Context(), []store.DeadLetter{
		{Tenant: l.tenant, Endpoint: endpoint, Event: e.ID, Type: e.Type, Reason: "rejected", Attempts: attempts},
	}))
}

func (l *lossy) handOut(_ context.Context, deliveries []event.Delivery) error {
	l.out = append(l.out, deliveries...)
	return nil
}

// reconcile does a whole one, in parts of the size, and returns what it counted.
func (l *lossy) reconcile(lost bool, size int) *store.Reconciliation {
	l.t.Helper()
	asked := &store.Reconciliation{Since: time.Now().Add(-time.Hour), Lost: lost, Reason: "a test"}
	require.NoError(l.t, l.AskReconciliation(l.t.Context(), asked))
	for {
		_, _, r, err := l.AdvanceReconciliation(l.t.Context(), size, l.handOut)
		require.NoError(l.t, err)
		if !r.Finished.IsZero() {
			require.Equal(l.t, asked.ID, r.ID)
			for kind, n := range r.Counts {
				if n == 0 {
					delete(r.Counts, kind)
				}
			}
			return r
		}
	}
}

// swept takes everything out of the outbox.
func (l *lossy) swept() (events []event.Event) {
	l.t.Helper()
	_, err := l.Sweep(l.t.Context(), -time.Minute, 100, func(_ context.Context, batches []store.Batch) error {
		for _, b := range batches {
			events = append(events, b.Events...)
		}
		return nil
	})
	require.NoError(l.t, err)
	return events
}

func eventID(e event.Event) event.ID { return e.ID }

func TestReconcileEvents(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 2, 256} {
		l := newLossy(t)
		all, ordered := endpointOf(t, l.Store, l.tenant), endpointOf(t, l.Store, l.tenant, func(e *store.Endpoint) {
			e.EventTypes, e.Ordered = []string{"ordered"}, true
		})
		gone := endpointOf(t, l.Store, l.tenant)
		require.NoError(t, l.DeleteEndpoint(t.Context(), l.tenant, store.Ref{ID: gone}))
		ofType := func(name string) func(*store.NewEvent) { return func(e *store.NewEvent) { e.Type = name } }

		done := l.accept()
		l.attempted(done, all, "success")
		waits := l.accept()
		l.attempted(waits, all, "rejected", nextAt(time.Hour))
		dead := l.accept()
		l.died(dead, all, 0)
		purged := l.accept()
		l.died(purged, all, 0)
		require.NoError(t, l.PurgeDeadLetter(t.Context(), all, purged.ID))
		half := l.accept(ofType("ordered"))
		l.attempted(half, all, "success")
		for _, e := range []event.Event{done, waits} {
			require.NotEqual(t, half.ID, e.ID)
		}
		lost := l.accept()
		forGone := l.accept(func(e *store.NewEvent) { e.Endpoint = gone })
		require.NotEqual(t, lost.ID, forGone.ID)
		unpublished := newEvent(l.tenant)
		_, _, err := l.Accept(t.Context(), []store.NewEvent{unpublished}, 1<<20)
		require.NoError(t, err)
		_ = ordered

		r := l.reconcile(true, size)
		require.Equal(t, map[string]int64{"events": 2}, r.Counts)
		swept := l.swept()
		require.ElementsMatch(t, []event.ID{half.ID, lost.ID, unpublished.ID}, idsOf(swept, eventID))
		for _, e := range swept {
			require.True(t, e.Recheck)
			if e.ID != unpublished.ID {
				require.Equal(t, r.ID, e.Round)
			}
		}
		require.Empty(t, l.out)

		require.Equal(t, map[string]int64{"events": 3}, l.reconcile(false, size).Counts, "there is still no sign of them")
		for _, e := range l.swept() {
			require.Zero(t, e.Round, "streams that lost nothing drop copies")
		}
		for _, e := range swept {
			l.attempted(e, all, "success")
		}
		l.attempted(half, ordered, "success")
		require.Empty(t, l.reconcile(true, size).Counts)
	}
}

// TestReconcileEventsBeforeTheEndpoint: nobody gets what was accepted before it was
// there.
func TestReconcileEventsBeforeTheEndpoint(t *testing.T) {
	t.Parallel()
	l := newLossy(t)
	l.accept(func(e *store.NewEvent) { e.ID = event.FloorID(time.Now().Add(-time.Minute)) })
	endpointOf(t, l.Store, l.tenant)
	require.Empty(t, l.reconcile(true, 256).Counts)
	// An id is of another clock than that of the endpoint's.
	lost := l.accept(func(e *store.NewEvent) { e.ID = event.FloorID(time.Now().Add(-time.Second)) })
	require.Equal(t, map[string]int64{"events": 1}, l.reconcile(true, 256).Counts)
	require.Equal(t, []event.ID{lost.ID}, idsOf(l.swept(), eventID))
}

// TestReconcileLater: what is for later waits in RETRY, however long ago it was
// accepted.
func TestReconcileLater(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 256} {
		l := newLossy(t)
		endpoint := testkit.Endpoint(t, l.Store, l.tenant, "https://example.com", func(e *store.Endpoint) {
			e.ID = event.FloorID(time.Now().Add(-5 * time.Hour))
		}).ID
		at := func(in time.Duration) func(*store.NewEvent) {
			return func(e *store.NewEvent) {
				e.ID = event.FloorID(time.Now().Add(-2*time.Hour + in/1000))
				e.DeliverAt = time.Now().Add(in)
			}
		}
		old := func(change func(*store.NewEvent)) event.Event {
			e := l.accept(change)
			batch := event.FloorID(e.ID.Time().Add(time.Millisecond))
			_, err := testkit.SQL(t, l.url).Exec(t.Context(), `UPDATE batches SET id = $1 WHERE $2 = ANY (event_ids)`, [16]byte(batch), [16]byte(e.ID))
			require.NoError(t, err)
			return e
		}
		tomorrow, soon, past := old(at(24*time.Hour)), old(at(time.Minute)), old(at(-time.Minute))
		old(at(-90 * time.Minute)) // it was settled by then
		l.attempted(past, endpoint, "success")
		require.Equal(t, map[string]int64{"later": 2}, l.reconcile(true, size).Counts)
		require.ElementsMatch(t, []event.ID{tomorrow.ID, soon.ID}, idsOf(l.swept(), eventID))
		require.Equal(t, map[string]int64{"later": 1}, l.reconcile(false, size).Counts)
		require.Equal(t, []event.ID{soon.ID}, idsOf(l.swept(), eventID))
	}
}

func TestReconcileRetries(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 2, 256} {
		l := newLossy(t)
		_, err := testkit.SQL(t, l.url).Exec(t.Context(), `SELECT make_day('attempts', (now() AT TIME ZONE 'UTC')::date - 2)`)
		require.NoError(t, err) // the day of what is old, until one in the morning
		endpoint, gone := endpointOf(t, l.Store, l.tenant), endpointOf(t, l.Store, l.tenant)
		due, soon, run := l.accept(), l.accept(), event.NewID()
		old := l.accept()
		l.attempted(due, endpoint, "rejected", nextAt(-10*time.Minute))
		l.attempted(soon, endpoint, "rejected", nextAt(time.Minute))
		l.attempted(l.accept(), endpoint, "rejected", nextAt(time.Hour)) // found when it is overdue
		followed := l.accept()
		l.attempted(followed, endpoint, "rejected", nextAt(-9*time.Minute))
		l.attempted(followed, endpoint, "success", func(a *store.Attempt) { a.Number = 2 })
		l.attempted(due, endpoint, "rejected", nextAt(-8*time.Minute), func(a *store.Attempt) { a.Run, a.Number = run, 3 })
		l.attempted(old, endpoint, "rejected", nextAt(-7*time.Minute), func(a *store.Attempt) { a.ID = event.FloorID(time.Now().Add(-25 * time.Hour)) })
		l.attempted(due, gone, "rejected", nextAt(-time.Minute))
		require.NoError(t, l.DeleteEndpoint(t.Context(), l.tenant, store.Ref{ID: gone}))

		r := l.reconcile(true, size)
		require.EqualValues(t, 4, r.Counts["retries"])
		type next struct {
			event, run event.ID
			attempt    int
		}
		var got []next
		for _, d := range l.out {
			require.Equal(t, []any{endpoint, r.ID, true}, []any{d.Endpoint, d.Round, d.Recheck})
			require.WithinDuration(t, time.Now(), d.Due, time.Hour)
			require.Equal(t, d.Run.IsZero(), d.Tx > 0, "its place in the order")
			got = append(got, next{d.Event, d.Run, d.Attempt})
		}
		require.Equal(t, []next{{due.ID, event.ID{}, 2}, {due.ID, run, 4}, {old.ID, event.ID{}, 2}, {soon.ID, event.ID{}, 2}}, got)

		l.out = nil
		require.EqualValues(t, 3, l.reconcile(false, size).Counts["retries"], "but what was recorded before")
	}
}

func TestReconcileDeadLetters(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 256} {
		l := newLossy(t)
		endpoint := endpointOf(t, l.Store, l.tenant)
		recorded, purged, lost, disabled, fine := l.accept(), l.accept(), l.accept(), l.accept(), l.accept()
		l.attempted(recorded, endpoint, "rejected")
		l.died(recorded, endpoint, 1)
		l.attempted(purged, endpoint, "rejected")
		l.died(purged, endpoint, 1)
		require.NoError(t, l.PurgeDeadLetter(t.Context(), endpoint, purged.ID))
		l.attempted(lost, endpoint, "rejected", func(a *store.Attempt) { a.Number = 8 })
		l.attempted(disabled, endpoint, event.ReasonDisabled, func(a *store.Attempt) { a.Number = 3 })
		l.attempted(fine, endpoint, "success")

		r := l.reconcile(true, size)
		require.Equal(t, map[string]int64{"dead_letters": 2}, r.Counts)
		require.Len(t, l.out, 2)
		require.Equal(t, event.Delivery{
			Event: lost.ID, Tenant: l.tenant, Endpoint: endpoint, Type: lost.Type, Attempt: 8, Reason: "rejected", Referred: true, Round: r.ID,
		}, l.out[0])
		require.Equal(t, []any{disabled.ID, 2, 1, event.ReasonDisabled}, []any{l.out[1].Event, l.out[1].Attempt, l.out[1].Deferrals, l.out[1].Reason})
	}
}

func TestReconcileRedriven(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 256} {
		l := newLossy(t)
		endpoint := endpointOf(t, l.Store, l.tenant)
		lost, arrived, diedAgain, missed := l.accept(), l.accept(), l.accept(), l.accept()
		for _, e := range []event.Event{lost, arrived, diedAgain} {
			l.attempted(e, endpoint, "rejected")
			l.died(e, endpoint, 1)
		}
		l.died(missed, endpoint, 0)
		task := start(t, l.Store, store.Task{Tenant: l.tenant, Kind: store.TaskRedrive, Endpoint: endpoint})
		var p pile
		_, err := l.AdvanceTask(t.Context(), task, 100, p.handOut)
		require.NoError(t, err)
		require.Len(t, p.all, 4)
		inRun := func(a *store.Attempt) { a.Run = task }
		l.attempted(arrived, endpoint, "success", inRun)
		l.attempted(diedAgain, endpoint, "rejected", inRun)
		require.NoError(t, l.RecordDeadLetters(t.Context(), []store.DeadLetter{
			{Tenant: l.tenant, Endpoint: endpoint, Event: diedAgain.ID, Reason: "rejected", Attempts: 1, Run: task},
			{Tenant: l.tenant, Endpoint: endpoint, Event: lost.ID, Reason: "rejected", Attempts: 1}, // word of its first death once more
		}))
		require.Equal(t, []event.ID{diedAgain.ID}, dead(t, l.Store, endpoint))

		r := l.reconcile(true, size)
		require.Equal(t, map[string]int64{"redriven": 2}, r.Counts)
		want := p.all[0].Delivery(task)
		want.Round = r.ID
		require.Equal(t, want, l.out[0])
		require.Equal(t, []any{lost.ID, missed.ID, true, event.ID{}}, []any{l.out[0].Event, l.out[1].Event, l.out[1].Missed, l.out[1].Run})

		again := start(t, l.Store, store.Task{Tenant: l.tenant, Kind: store.TaskPurge, Endpoint: endpoint})
		l.died(lost, endpoint, 2)
		_, err = l.AdvanceTask(t.Context(), again, 100, p.handOut)
		require.NoError(t, err)
		l.attempted(missed, endpoint, "success")
		require.Empty(t, l.reconcile(true, size).Counts, "what was purged since is not wanted any more")
	}
}

// TestReconcileTasks walks behind tasks, however far they have come.
func TestReconcileTasks(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 3, 256} {
		l := newLossy(t)
		endpoint := endpointOf(t, l.Store, l.tenant)
		events := make([]event.Event, 6)
		for i := range events {
			events[i] = l.accept()
			l.attempted(events[i], endpoint, "success")
		}
		var p pile
		bulk := start(t, l.Store, store.Task{Tenant: l.tenant, Kind: store.TaskBulkReplay, Endpoint: endpoint})
		_, err := l.AdvanceTask(t.Context(), bulk, 4, p.handOut)
		require.NoError(t, err)
		resend := start(t, l.Store, store.Task{Tenant: l.tenant, Kind: store.TaskResend, Endpoint: endpoint, Event: events[5].ID})
		_, err = l.AdvanceTask(t.Context(), resend, 4, p.handOut)
		require.NoError(t, err)
		start(t, l.Store, store.Task{Tenant: l.tenant, Kind: store.TaskBulkReplay, Endpoint: endpoint}) // not begun
		l.attempted(events[1], endpoint, "success", func(a *store.Attempt) { a.Run = bulk })

		require.Equal(t, map[string]int64{"tasks": 4}, l.reconcile(true, size).Counts)
		got := make(map[event.ID]event.ID)
		for _, d := range l.out {
			got[d.Event] = d.Run
		}
		require.Equal(t, map[event.ID]event.ID{events[0].ID: bulk, events[2].ID: bulk, events[3].ID: bulk, events[5].ID: resend}, got)
		task, err := l.Task(t.Context(), bulk)
		require.NoError(t, err)
		require.Equal(t, []int64{4, 4}, []int64{task.Done, task.Affected}, "where it is, is its own affair")
	}
}

// TestReconcileFails does a part again that could not be handed out, and goes on
// where another stopped.
func TestReconcileFails(t *testing.T) {
	t.Parallel()
	l := newLossy(t)
	endpoint := endpointOf(t, l.Store, l.tenant)
	for range 3 {
		l.attempted(l.accept(), endpoint, "rejected", nextAt(-time.Minute))
	}
	r := &store.Reconciliation{Since: time.Now().Add(-time.Hour), Reason: "a test"}
	require.NoError(t, l.AskReconciliation(t.Context(), r))
	away := errors.New("NATS is away")
	fails := 0
	for r.Finished.IsZero() {
		_, _, now, err := l.AdvanceReconciliation(t.Context(), 2, func(ctx context.Context, d []event.Delivery) error {
			if fails++; fails%2 == 1 {
				return away
			}
			return l.handOut(ctx, d)
		})
		if err != nil {
			require.ErrorIs(t, err, away)
			continue
		}
		r = now
	}
	require.Len(t, l.out, 3)
	_, err := l.NextReconciliation(t.Context())
	require.ErrorIs(t, err, store.ErrNotFound)
}

// TestReconcileMerges: what was put on its way may be what was lost next.
func TestReconcileMerges(t *testing.T) {
	t.Parallel()
	l := newLossy(t)
	long := time.Now().Add(-3 * time.Hour).Truncate(time.Microsecond)
	first := &store.Reconciliation{Since: long, Lost: true, Reason: "first"}
	require.NoError(t, l.AskReconciliation(t.Context(), first))
	second := &store.Reconciliation{Since: time.Now(), Reason: "second"}
	require.NoError(t, l.AskReconciliation(t.Context(), second))
	require.True(t, second.Since.Equal(long) && second.Lost)
	first, err := l.Reconciliation(t.Context(), first.ID)
	require.NoError(t, err)
	require.Equal(t, second.ID, first.Merged)
	next, err := l.NextReconciliation(t.Context())
	require.NoError(t, err)
	require.Equal(t, second.ID, next.ID)
	_, err = l.Reconciliation(t.Context(), 4711)
	require.ErrorIs(t, err, store.ErrNotFound)
}

// TestOverdue looks at each attempt once for each time.
func TestOverdue(t *testing.T) {
	t.Parallel()
	l := newLossy(t)
	endpoint := endpointOf(t, l.Store, l.tenant)
	for i := range 5 {
		l.attempted(l.accept(), endpoint, "rejected", nextAt(-time.Duration(10+i)*time.Minute))
	}
	followed := l.accept()
	l.attempted(followed, endpoint, "rejected", nextAt(-20*time.Minute))
	l.attempted(followed, endpoint, "rejected", nextAt(time.Hour), func(a *store.Attempt) { a.Number = 2 })
	l.attempted(l.accept(), endpoint, "rejected", nextAt(-time.Second))
	var looks []int
	for range 5 {
		n, err := l.AdvanceOverdue(t.Context(), time.Minute, 2, l.handOut)
		require.NoError(t, err)
		looks = append(looks, n)
	}
	require.Equal(t, []int{2, 2, 2, 0, 0}, looks)
	require.Len(t, l.out, 5)
	for _, d := range l.out {
		require.Equal(t, []any{2, true, int64(0)}, []any{d.Attempt, d.Recheck, d.Round})
	}
	late := l.attempted(l.accept(), endpoint, "rejected", nextAt(-2*time.Minute))
	_, err := l.AdvanceOverdue(t.Context(), time.Minute, 2, func(context.Context, []event.Delivery) error { return context.Canceled })
	require.ErrorIs(t, err, context.Canceled)
	n, err := l.AdvanceOverdue(t.Context(), time.Minute, 2, l.handOut)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, late.Event, l.out[5].Event)
	l.out = nil
	n, err = l.AdvanceOverdue(t.Context(), 11*time.Minute, 100, l.handOut)
	require.NoError(t, err)
	require.Equal(t, 5, n, "it is another look")
	require.Len(t, l.out, 4)
}
