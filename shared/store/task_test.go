package store_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// bury accepts n events and records that they are dead at the endpoint.
func bury(t *testing.T, s *store.Store, tenant, endpoint event.ID, n int) []store.DeadLetter {
	t.Helper()
	events, letters := make([]store.NewEvent, n), make([]store.DeadLetter, n)
	for i := range events {
		events[i] = newEvent(tenant)
		letters[i] = store.DeadLetter{Tenant: tenant, Endpoint: endpoint, Event: events[i].ID, Type: events[i].Type, Reason: "rejected", Attempts: 8}
	}
	_, _, err := s.Accept(t.Context(), events, 1<<20)
	require.NoError(t, err)
	require.NoError(t, s.RecordDeadLetters(t.Context(), letters))
	return letters
}

// endpointOf makes an endpoint of the tenant.
func endpointOf(t *testing.T, s *store.Store, tenant event.ID, changes ...func(*store.Endpoint)) event.ID {
	t.Helper()
	return testkit.Endpoint(t, s, tenant, "https://example.com", changes...).ID
}

// start stores a task and returns its id.
func start(t *testing.T, s *store.Store, task store.Task) event.ID {
	t.Helper()
	task.ID = event.NewID()
	require.NoError(t, s.CreateTask(t.Context(), &task))
	return task.ID
}

func eventsOf(letters []store.DeadLetter) []event.ID {
	ids := make([]event.ID, len(letters))
	for i, l := range letters {
		ids[i] = l.Event
	}
	return ids
}

// dead lists the events that are dead at the endpoint.
func dead(t *testing.T, s *store.Store, endpoint event.ID) []event.ID {
	t.Helper()
	e, err := s.DeadLettersAt(t.Context(), endpoint)
	require.NoError(t, err)
	return e
}

// waits returns when so many wait for a lock.
func waits(ctx context.Context, s *store.Store, many int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Second, errors.New("nobody waits"))
	defer cancel()
	for {
		if n, err := s.Waiting(ctx); err != nil || n >= many {
			return errors.Join(err, context.Cause(ctx))
		}
	}
}

// pile is what a task handed out.
type pile struct {
	mu  sync.Mutex
	all []store.Selected
}

func (p *pile) handOut(_ context.Context, selected []store.Selected) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, selected...)
	return nil
}

func (p *pile) events() []event.ID {
	ids := make([]event.ID, len(p.all))
	for i, s := range p.all {
		ids[i] = s.Event.ID
	}
	return ids
}

func TestAdvanceTaskPageByPage(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)
	endpoint, other := endpointOf(t, s, tenant), endpointOf(t, s, tenant)
	letters := bury(t, s, tenant, endpoint, 25)
	bystanders := bury(t, s, tenant, other, 3)
	task := start(t, s, store.Task{Tenant: tenant, Kind: store.TaskRedrive, Endpoint: endpoint})

	var p pile
	for part, want := range []struct {
		done     int
		finished bool
	}{{10, false}, {20, false}, {25, true}} {
		finished, err := s.AdvanceTask(t.Context(), task, 10, p.handOut)
		require.NoError(t, err)
		require.Equal(t, want.finished, finished, "part %d", part)
		require.Len(t, p.all, want.done)
		require.Len(t, dead(t, s, endpoint), 25-want.done, "what is on its way is not dead any more")
		got, err := s.Task(t.Context(), task)
		require.NoError(t, err)
		require.Equal(t, []int64{int64(want.done), 25, int64(want.done)}, []int64{got.Done, got.Total, got.Affected})
		require.Equal(t, want.finished, got.Status == store.TaskFinished)
	}
	require.Equal(t, eventsOf(letters), p.events(), "each once, in order")
	require.Equal(t, endpoint, p.all[0].Endpoint)
	want := newEvent(tenant).Event
	want.ID, want.Version, want.Tx = letters[0].Event, p.all[0].Event.Version, p.all[0].Event.Tx
	require.Equal(t, want, p.all[0].Event)
	require.Equal(t, eventsOf(bystanders), dead(t, s, other))

	finished, err := s.AdvanceTask(t.Context(), task, 10, func(context.Context, []store.Selected) error { panic("it is finished") })
	require.NoError(t, err)
	require.True(t, finished)
}

func TestAdvanceTaskExactPage(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)
	endpoint := endpointOf(t, s, tenant)
	bury(t, s, tenant, endpoint, 10)
	task := start(t, s, store.Task{Tenant: tenant, Kind: store.TaskRedrive, Endpoint: endpoint})
	var p pile
	for _, want := range []bool{false, true} {
		finished, err := s.AdvanceTask(t.Context(), task, 10, p.handOut)
		require.NoError(t, err)
		require.Equal(t, want, finished)
	}
	require.Len(t, p.all, 10)
}

func TestAdvanceTaskSelects(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant, stranger := testkit.Tenant(t, s), testkit.Tenant(t, s)
	endpoint, other := endpointOf(t, s, tenant), endpointOf(t, s, tenant)
	letters := bury(t, s, tenant, endpoint, 4)
	elsewhere := bury(t, s, tenant, other, 1)
	bury(t, s, tenant, endpointOf(t, s, tenant, func(e *store.Endpoint) { e.Disabled = true }), 1)
	bury(t, s, tenant, event.NewID(), 1) // deleted, as it were
	bury(t, s, stranger, endpointOf(t, s, stranger), 1)
	at := func(i int) time.Time { return letters[i].Event.Time() }
	all := eventsOf(letters)
	for name, tt := range map[string]struct {
		task store.Task
		want []event.ID
	}{
		"one letter":     {store.Task{Endpoint: endpoint, Event: all[2]}, all[2:3]},
		"an endpoint":    {store.Task{Endpoint: endpoint}, all},
		"all the tenant": {store.Task{}, append(slices.Clone(all), elsewhere[0].Event)},
		"since":          {store.Task{Endpoint: endpoint, Since: at(1)}, all[1:]},
		"until":          {store.Task{Endpoint: endpoint, Until: at(3)}, all[:3]},
		"range":          {store.Task{Endpoint: endpoint, Since: at(1), Until: at(3)}, all[1:3]},
		"nothing there":  {store.Task{Endpoint: event.NewID()}, nil},
		"reason":         {store.Task{Selection: store.Selection{Reason: "rejected"}}, append(slices.Clone(all), elsewhere[0].Event)},
		"another reason": {store.Task{Selection: store.Selection{Reason: "timeout"}}, nil},
		"types":          {store.Task{Endpoint: endpoint, Selection: store.Selection{Types: []string{"x", letters[0].Type}}}, all},
		"another type":   {store.Task{Endpoint: endpoint, Selection: store.Selection{Types: []string{"x"}}}, nil},
	} {
		tt.task.Tenant, tt.task.Kind = tenant, store.TaskRedrive
		stop := errors.New("only to see what is selected")
		var p pile
		_, err := s.AdvanceTask(t.Context(), start(t, s, tt.task), 100, func(ctx context.Context, selected []store.Selected) error {
			return errors.Join(p.handOut(ctx, selected), stop)
		})
		if len(tt.want) > 0 {
			require.ErrorIs(t, err, stop, name)
		} else {
			require.NoError(t, err, name)
		}
		require.ElementsMatch(t, tt.want, p.events(), name)
	}
}

func TestAdvanceTaskFailureChangesNothing(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)
	endpoint := endpointOf(t, s, tenant)
	letters := bury(t, s, tenant, endpoint, 3)
	task := start(t, s, store.Task{Tenant: tenant, Kind: store.TaskRedrive, Endpoint: endpoint})
	before, err := s.Task(t.Context(), task)
	require.NoError(t, err)

	away := errors.New("NATS is away")
	finished, err := s.AdvanceTask(t.Context(), task, 10, func(context.Context, []store.Selected) error { return away })
	require.ErrorIs(t, err, away)
	require.False(t, finished)
	after, err := s.Task(t.Context(), task)
	require.NoError(t, err)
	require.Equal(t, before, after)
	require.Equal(t, eventsOf(letters), dead(t, s, endpoint))

	var p pile
	finished, err = s.AdvanceTask(t.Context(), task, 10, p.handOut)
	require.NoError(t, err)
	require.True(t, finished)
	require.Equal(t, eventsOf(letters), p.events(), "the same part again")
}

// TestAdvanceTaskLeavesNewDeaths has what a task hands out die again: before the
// task has noted the part that it was in, and between two parts.
func TestAdvanceTaskLeavesNewDeaths(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)
	endpoint := endpointOf(t, s, tenant)
	letters := bury(t, s, tenant, endpoint, 4)
	task := start(t, s, store.Task{Tenant: tenant, Kind: store.TaskRedrive, Endpoint: endpoint})
	var p pile
	for i := range letters {
		letters[i].Run = task
	}
	died := make(chan error, 1)
	finished, err := s.AdvanceTask(t.Context(), task, 2, func(ctx context.Context, selected []store.Selected) error {
		go func() { died <- s.RecordDeadLetters(t.Context(), letters[:1]) }()
		return errors.Join(p.handOut(ctx, selected), waits(ctx, s, 1))
	})
	require.NoError(t, err)
	require.False(t, finished)
	require.NoError(t, <-died)
	require.Contains(t, dead(t, s, endpoint), letters[0].Event, "it died again at once and must not be forgotten")
	require.NoError(t, s.RecordDeadLetters(t.Context(), letters[1:2]))
	for part := 0; !finished; part++ {
		require.Less(t, part, 10, "it never ends")
		finished, err = s.AdvanceTask(t.Context(), task, 2, p.handOut)
		require.NoError(t, err)
	}
	require.Equal(t, eventsOf(letters), p.events(), "each once: who dies later is not of this task")
	require.Equal(t, eventsOf(letters[:2]), dead(t, s, endpoint))
}

func TestAdvanceTaskResend(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)
	endpoint := endpointOf(t, s, tenant)
	e := newEvent(tenant)
	_, _, err := s.Accept(t.Context(), []store.NewEvent{e, newEvent(tenant)}, 1<<20)
	require.NoError(t, err)
	for range 2 { // whatever became of it: delivered, dead or resent before
		task := start(t, s, store.Task{Tenant: tenant, Kind: store.TaskResend, Endpoint: endpoint, Event: e.ID})
		var p pile
		finished, err := s.AdvanceTask(t.Context(), task, 10, p.handOut)
		require.NoError(t, err)
		require.True(t, finished)
		require.Equal(t, []event.ID{e.ID}, p.events())
		require.Equal(t, endpoint, p.all[0].Endpoint)
		require.NoError(t, s.RecordDeadLetters(t.Context(), []store.DeadLetter{{Tenant: tenant, Endpoint: endpoint, Event: e.ID, Reason: "gone", Attempts: 1}}))
	}
	gone := start(t, s, store.Task{Tenant: tenant, Kind: store.TaskResend, Endpoint: endpoint, Event: event.NewID()})
	finished, err := s.AdvanceTask(t.Context(), gone, 10, func(_ context.Context, selected []store.Selected) error {
		require.Empty(t, selected)
		return nil
	})
	require.NoError(t, err)
	require.True(t, finished, "an event that is not there any more is no reason to try for ever")

	_, err = s.AdvanceTask(t.Context(), event.NewID(), 1, nil)
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestAdvanceTaskByManyAtOnce(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)
	endpoint := endpointOf(t, s, tenant)
	letters := bury(t, s, tenant, endpoint, 60)
	task := start(t, s, store.Task{Tenant: tenant, Kind: store.TaskRedrive, Endpoint: endpoint})
	var p pile
	work, ctx := errgroup.WithContext(t.Context())
	for range 4 {
		work.Go(func() error {
			for {
				finished, err := s.AdvanceTask(ctx, task, 7, p.handOut)
				if err != nil || finished {
					return err
				}
			}
		})
	}
	require.NoError(t, work.Wait())
	require.Equal(t, eventsOf(letters), p.events(), "each once")
}

// TestTasksShareNoLetter holds the part of one task open, while another selects
// dead letters of which one is in that part.
func TestTasksShareNoLetter(t *testing.T) {
	t.Parallel()
	for name, failed := range map[string]error{"done": nil, "given up": errors.New("NATS is away")} {
		s := testkit.Store(t)
		tenant := testkit.Tenant(t, s)
		endpoint := endpointOf(t, s, tenant)
		letters := bury(t, s, tenant, endpoint, 3)
		one := start(t, s, store.Task{Tenant: tenant, Kind: store.TaskRedrive, Endpoint: endpoint, Event: letters[1].Event})
		all := start(t, s, store.Task{Tenant: tenant, Kind: store.TaskRecover, Endpoint: endpoint})
		var p pile
		ended := make(chan error, 1)
		_, err := s.AdvanceTask(t.Context(), one, 10, func(ctx context.Context, selected []store.Selected) error {
			require.Len(t, selected, 1, name)
			go func() {
				_, err := s.AdvanceTask(t.Context(), all, 10, p.handOut)
				ended <- err
			}()
			return errors.Join(waits(ctx, s, 1), failed)
		})
		require.ErrorIs(t, err, failed, name)
		require.NoError(t, <-ended, name)
		want := eventsOf(letters)
		if failed == nil {
			want = slices.Delete(want, 1, 2)
		}
		require.Equal(t, want, p.events(), name)
		require.Empty(t, dead(t, s, endpoint), name)
	}
}

// TestLettersAreLockedInOneOrder stops a task between two dead letters, while
// another wants both: it must wait for the first and not hold the second.
func TestLettersAreLockedInOneOrder(t *testing.T) {
	t.Parallel()
	for name, other := range map[string]func(*store.Store, event.ID, []store.DeadLetter) error{
		"they die again": func(s *store.Store, _ event.ID, letters []store.DeadLetter) error {
			return s.RecordDeadLetters(t.Context(), letters)
		},
		"they are purged": func(s *store.Store, purge event.ID, _ []store.DeadLetter) error {
			_, err := s.AdvanceTask(t.Context(), purge, 10, nil)
			return err
		},
	} {
		url := testkit.Database(t)
		s := testkit.Open(t, url)
		tenant := testkit.Tenant(t, s)
		a, b := endpointOf(t, s, tenant), endpointOf(t, s, tenant)
		letters := slices.Concat(bury(t, s, tenant, b, 2), bury(t, s, tenant, a, 1))
		redrive := start(t, s, store.Task{Tenant: tenant, Kind: store.TaskRedrive})
		purge := start(t, s, store.Task{Tenant: tenant, Kind: store.TaskPurge})
		middle, err := testkit.SQL(t, url).Begin(t.Context())
		require.NoError(t, err)
		_, err = middle.Exec(t.Context(), `SELECT FROM dead_letters WHERE event_id = $1 FOR UPDATE`, [16]byte(letters[1].Event))
		require.NoError(t, err)

		var p pile
		work, ctx := errgroup.WithContext(t.Context())
		work.Go(func() error {
			_, err := s.AdvanceTask(ctx, redrive, 10, p.handOut)
			return err
		})
		require.NoError(t, waits(ctx, s, 1))
		work.Go(func() error { return other(s, purge, letters) })
		require.NoError(t, waits(ctx, s, 2))
		require.NoError(t, middle.Rollback(t.Context()))
		require.NoError(t, work.Wait(), name)
		require.Equal(t, eventsOf(letters), p.events(), name)
	}
}

func TestStaleTasks(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	s := testkit.Open(t, url)
	tenant := testkit.Tenant(t, s)
	var ids []event.ID
	for range 4 {
		ids = append(ids, start(t, s, store.Task{Tenant: tenant, Kind: store.TaskRedrive}))
	}
	fresh := start(t, s, store.Task{Tenant: tenant, Kind: store.TaskRedrive})
	conn := testkit.SQL(t, url)
	for i, id := range ids {
		_, err := conn.Exec(t.Context(), `UPDATE tasks SET updated_at = now() - $2::interval WHERE id = $1`,
			[16]byte(id), time.Hour-time.Duration(i)*time.Minute)
		require.NoError(t, err)
	}
	var p pile
	_, err := s.AdvanceTask(t.Context(), ids[1], 1, p.handOut)
	require.NoError(t, err)
	require.NoError(t, s.KeepTask(t.Context(), ids[3]))

	stale, err := s.StaleTasks(t.Context(), time.Minute, 10)
	require.NoError(t, err)
	require.Equal(t, []store.Task{{ID: ids[0], Kind: store.TaskRedrive}, {ID: ids[2], Kind: store.TaskRedrive}}, stale,
		"neither what was worked on or kept just now nor what is finished or new (%x)", fresh)
	stale, err = s.StaleTasks(t.Context(), time.Minute, 1)
	require.NoError(t, err)
	require.Len(t, stale, 1, "the limit")
}
