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
	want.ID, want.Version = letters[0].Event, p.all[0].Event.Version
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
	finished, err := s.AdvanceTask(t.Context(), task, 2, func(ctx context.Context, selected []store.Selected) error {
		return errors.Join(p.handOut(ctx, selected), s.RecordDeadLetters(ctx, letters[:1]))
	})
	require.NoError(t, err)
	require.False(t, finished)
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
