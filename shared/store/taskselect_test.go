package store_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// do does a task to its end, in parts of limit, and returns what it handed out
// and what became of it.
func do(t *testing.T, s *store.Store, task store.Task, limit int) (*pile, *store.Task) {
	t.Helper()
	id := start(t, s, task)
	p := new(pile)
	for parts := 0; ; parts++ {
		require.Less(t, parts, 100, "it never ends")
		ended, err := s.AdvanceTask(t.Context(), id, limit, p.handOut)
		require.NoError(t, err)
		if ended {
			break
		}
	}
	ended, err := s.Task(t.Context(), id)
	require.NoError(t, err)
	return p, ended
}

// attempted records an attempt of an event at an endpoint.
func attempted(t *testing.T, s *store.Store, eventID, endpoint event.ID, outcome string, status int) {
	t.Helper()
	require.NoError(t, s.RecordAttempts(t.Context(), []store.Attempt{{
		ID: event.NewID(), Tenant: event.NewID(), Event: eventID, Endpoint: endpoint, Number: 1, Outcome: outcome, StatusCode: status, Response: []byte{},
	}}))
}

// post accepts an event that is like newEvent but for the changes.
func post(t *testing.T, s *store.Store, tenant event.ID, changes ...func(*store.NewEvent)) event.ID {
	t.Helper()
	e := newEvent(tenant)
	for _, change := range changes {
		change(&e)
	}
	refusals, _, err := s.Accept(t.Context(), []store.NewEvent{e}, 1<<20)
	require.NoError(t, err)
	require.Equal(t, []store.Refusal{store.Accepted}, refusals)
	return e.ID
}

// TestReplayMissing delivers what the endpoint wants and never got, and of that
// only what was accepted before the end.
func TestReplayMissing(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)
	picky := endpointOf(t, s, tenant, func(e *store.Endpoint) { e.EventTypes, e.Channels = []string{"paid"}, []string{"eu"} })
	other := endpointOf(t, s, tenant)
	typed := func(name string, channels ...string) func(*store.NewEvent) {
		return func(e *store.NewEvent) { e.Type, e.Channels = name, channels }
	}
	missed := []event.ID{post(t, s, tenant, typed("paid", "us", "eu"))}
	post(t, s, tenant, typed("paid", "us"))
	post(t, s, tenant, typed("paid"))
	post(t, s, tenant, typed("due", "eu"))
	tried := post(t, s, tenant, typed("paid", "eu"))
	attempted(t, s, tried, picky, "timeout", 0)
	elsewhere := post(t, s, tenant, typed("paid", "eu"))
	attempted(t, s, elsewhere, other, "success", 200)
	missed = append(missed, elsewhere)
	notSent := post(t, s, tenant, typed("paid", "eu"))
	require.NoError(t, s.RecordDeadLetters(t.Context(), []store.DeadLetter{{Tenant: tenant, Endpoint: picky, Event: notSent, Reason: "endpoint_disabled", Deferrals: 1}}))
	forIt := post(t, s, tenant, func(e *store.NewEvent) { e.Type, e.Endpoint = "due", picky })
	post(t, s, tenant, typed("paid", "eu"), func(e *store.NewEvent) { e.Endpoint = other })
	missed = append(missed, notSent, forIt)
	post(t, s, testkit.Tenant(t, s), typed("paid", "eu"))
	expunged := post(t, s, tenant, typed("paid", "eu"))
	require.NoError(t, s.ExpungeEvent(t.Context(), tenant, expunged))
	last := post(t, s, tenant, typed("paid", "eu"))

	task := store.Task{Tenant: tenant, Kind: store.TaskReplay, Endpoint: picky, Until: last.Time()}
	p, ended := do(t, s, task, 3)
	require.Equal(t, missed, p.events(), "each once, in order")
	for _, selected := range p.all {
		require.True(t, selected.Missed)
		require.Equal(t, picky, selected.Endpoint)
		require.Equal(t, selected.Event.ID == notSent, selected.Deferrals == 1)
	}
	require.Equal(t, []int64{10, 10, 4}, []int64{ended.Done, ended.Total, ended.Affected})
	require.Empty(t, dead(t, s, picky), "what is on its way is not dead")
	task.Since, task.Until = elsewhere.Time(), time.Time{}
	p, _ = do(t, s, task, 100)
	require.Equal(t, []event.ID{elsewhere, notSent, forIt, last}, p.events(), "again: nobody has tried meanwhile")
}

// TestBulkReplay delivers again what was attempted, by what is asked of it.
func TestBulkReplay(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)
	endpoint := endpointOf(t, s, tenant)
	ok := post(t, s, tenant, func(e *store.NewEvent) { e.Type, e.Tags = "due", []string{"x", "y"} })
	post(t, s, tenant) // never attempted
	failed := post(t, s, tenant, func(e *store.NewEvent) { e.Channels = []string{"us"} })
	mended := post(t, s, tenant)
	attempted(t, s, ok, endpoint, "success", 204)
	attempted(t, s, failed, endpoint, "rejected", 404)
	attempted(t, s, mended, endpoint, "throttled", 503)
	attempted(t, s, mended, endpoint, "success", 200)
	all := []event.ID{ok, failed, mended}
	for name, tt := range map[string]struct {
		selection store.Selection
		want      []event.ID
	}{
		"all":             {store.Selection{}, all},
		"a type":          {store.Selection{Types: []string{"due"}}, all[:1]},
		"a channel":       {store.Selection{Channel: "us"}, all},
		"another channel": {store.Selection{Channel: "eu"}, []event.ID{ok, mended}},
		"a tag":           {store.Selection{Tag: "y"}, all[:1]},
		"what succeeded":  {store.Selection{State: new(store.StateSuccess)}, []event.ID{ok, mended}},
		"what failed":     {store.Selection{State: new(store.StateFailed)}, all[1:2]},
		"what is pending": {store.Selection{State: new(store.StatePending)}, nil},
		"by its answer":   {store.Selection{Codes: &store.CodeRange{From: 200, To: 300}}, []event.ID{ok, mended}},
		"by the newest":   {store.Selection{Codes: &store.CodeRange{From: 500, To: 600}}, nil},
	} {
		p, _ := do(t, s, store.Task{Tenant: tenant, Kind: store.TaskBulkReplay, Endpoint: endpoint, Selection: tt.selection}, 2)
		require.ElementsMatch(t, tt.want, p.events(), name)
		for _, selected := range p.all {
			require.False(t, selected.Missed, name)
		}
	}
}

// TestNotSentIsMissed: of what recover and redrive hand out, what the event itself
// should have caused goes as that, even if it has come about meanwhile, for
// deliver knows. How often it was put off is known, whatever is recorded late.
func TestNotSentIsMissed(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)
	for _, kind := range []string{store.TaskRecover, store.TaskRedrive} {
		endpoint := endpointOf(t, s, tenant)
		letters := bury(t, s, tenant, endpoint, 4)
		for i := range letters[:3] {
			letters[i].Reason, letters[i].Attempts = "endpoint_disabled", 0
		}
		letters[1].Deferrals, letters[2].Run = 2, event.NewID()
		require.NoError(t, s.RecordDeadLetters(t.Context(), letters))
		letters[1].Deferrals = 1
		require.NoError(t, s.RecordDeadLetters(t.Context(), letters[1:2]))
		attempted(t, s, letters[1].Event, endpoint, "success", 200)
		p, _ := do(t, s, store.Task{Tenant: tenant, Kind: kind, Endpoint: endpoint}, 10)
		require.Equal(t, eventsOf(letters), p.events())
		for i, want := range []struct {
			missed    bool
			deferrals int
		}{{true, 0}, {true, 2}, {false, 0}, {false, 0}} {
			require.Equal(t, want.missed, p.all[i].Missed, i)
			require.Equal(t, want.deferrals, p.all[i].Deferrals, i)
		}
	}
}

// TestRedriveOfAllTenants walks over everybody's dead letters.
func TestRedriveOfAllTenants(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	want := make(map[event.ID]bool)
	for range 3 {
		tenant := testkit.Tenant(t, s)
		for range 2 {
			for _, letter := range bury(t, s, tenant, endpointOf(t, s, tenant), 5) {
				want[letter.Event] = true
			}
		}
	}
	p, ended := do(t, s, store.Task{Kind: store.TaskRedrive}, 4)
	for _, id := range p.events() {
		require.True(t, want[id], "once")
		delete(want, id)
	}
	require.Empty(t, want)
	require.EqualValues(t, 30, ended.Total)
}

func TestPurgeAndExpungeAll(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)
	endpoint := endpointOf(t, s, tenant)
	letters := bury(t, s, tenant, endpoint, 5)
	_, ended := do(t, s, store.Task{Tenant: tenant, Kind: store.TaskPurge, Since: letters[1].Event.Time(), Until: letters[4].Event.Time()}, 2)
	require.Equal(t, []int64{3, 3, 3}, []int64{ended.Done, ended.Total, ended.Affected})
	require.Equal(t, []event.ID{letters[0].Event, letters[4].Event}, dead(t, s, endpoint))

	require.NoError(t, s.ExpungeEvent(t.Context(), tenant, letters[0].Event))
	other := testkit.Tenant(t, s)
	kept := post(t, s, other)
	_, ended = do(t, s, store.Task{Tenant: tenant, Kind: store.TaskExpunge}, 2)
	require.Equal(t, []int64{5, 5, 4}, []int64{ended.Done, ended.Total, ended.Affected})
	for _, letter := range letters {
		_, err := s.Payload(t.Context(), tenant, letter.Event)
		require.ErrorIs(t, err, store.ErrNotFound)
	}
	_, err := s.Payload(t.Context(), other, kept)
	require.NoError(t, err)
}

// TestCountTask counts what is too much to be counted when the task is made.
func TestCountTask(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)
	endpoint := endpointOf(t, s, tenant)
	const n = 1200
	bury(t, s, tenant, endpoint, n)
	id := start(t, s, store.Task{Tenant: tenant, Kind: store.TaskRedrive})
	task, err := s.Task(t.Context(), id)
	require.NoError(t, err)
	require.EqualValues(t, store.Uncounted, task.Total)
	var p pile
	_, err = s.AdvanceTask(t.Context(), id, 100, p.handOut)
	require.NoError(t, err)
	for range 2 {
		task, err = s.CountTask(t.Context(), id)
		require.NoError(t, err)
		require.EqualValues(t, n, task.Total, "what was done before included")
	}
	require.EqualValues(t, 100, task.Done)
	_, err = s.CountTask(t.Context(), event.NewID())
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestCancelTask(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)
	endpoint := endpointOf(t, s, tenant)
	letters := bury(t, s, tenant, endpoint, 5)
	id := start(t, s, store.Task{Tenant: tenant, Kind: store.TaskRedrive})
	var p pile
	_, err := s.AdvanceTask(t.Context(), id, 2, p.handOut)
	require.NoError(t, err)
	for range 2 {
		task, err := s.CancelTask(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, []any{store.TaskFailed, true, int64(2)}, []any{task.Status, task.Cancelled, task.Done})
	}
	ended, err := s.AdvanceTask(t.Context(), id, 2, func(context.Context, []store.Selected) error { panic("it was cancelled") })
	require.NoError(t, err)
	require.True(t, ended)
	require.Equal(t, eventsOf(letters[2:]), dead(t, s, endpoint))
	_, err = s.CancelTask(t.Context(), event.NewID())
	require.ErrorIs(t, err, store.ErrNotFound)

	_, finished := do(t, s, store.Task{Tenant: tenant, Kind: store.TaskRedrive}, 10)
	after, err := s.CancelTask(t.Context(), finished.ID)
	require.NoError(t, err)
	require.Equal(t, finished, after, "what has ended stays as it is")
}

// TestTasksKeepToTheirDays has every query of a task touch only the partitions
// of its range: those of events of these days, and of attempts since.
func TestTasksKeepToTheirDays(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	s := testkit.Open(t, url)
	tenant := testkit.Tenant(t, s)
	endpoint := endpointOf(t, s, tenant)
	conn, today := testkit.SQL(t, url), time.Now().UTC().Truncate(day)
	for n := 2; n < 10; n++ {
		for _, table := range []string{"events", "attempts"} {
			testkit.Partition(t, conn, table, today.Add(-time.Duration(n)*day))
		}
	}
	bury(t, s, tenant, endpoint, 3)
	var traced queries
	require.NoError(t, s.Trace(t.Context(), &traced))
	since := time.Now().Add(-time.Minute)
	for _, kind := range []string{store.TaskRecover, store.TaskReplay, store.TaskBulkReplay, store.TaskExpunge} {
		do(t, s, store.Task{Tenant: tenant, Kind: kind, Endpoint: endpoint, Since: since}, 10)
		bury(t, s, tenant, endpoint, 3)
	}
	seen := 0
	for _, q := range traced.all {
		if !strings.Contains(q.SQL, "events") && !strings.Contains(q.SQL, "attempts") || strings.Contains(q.SQL, "INSERT") {
			continue
		}
		seen++
		plan, err := s.Explain(t.Context(), q.SQL, q.Args)
		require.NoError(t, err, q.SQL)
		for n := 3; n < 10; n++ {
			require.NotContains(t, strings.Join(plan, "\n"), "_"+today.Add(-time.Duration(n)*day).Format("20060102"), q.SQL)
		}
	}
	require.GreaterOrEqual(t, seen, 8)
}

// TestDeleteOld forgets tasks that have ended, and what was taken away of old events.
func TestDeleteOld(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant, today := testkit.Tenant(t, s), time.Now().UTC().Truncate(day)
	old := []store.Task{
		{ID: event.FloorID(today.Add(-4 * day)), Tenant: tenant, Kind: store.TaskPurge},
		{ID: event.FloorID(today.Add(-5 * day)), Tenant: tenant, Kind: store.TaskPurge},
	}
	for i := range old {
		require.NoError(t, s.CreateTask(t.Context(), &old[i]))
	}
	_, err := s.CancelTask(t.Context(), old[0].ID)
	require.NoError(t, err)
	require.NoError(t, s.DeleteOld(t.Context(), 3*day))
	_, err = s.Task(t.Context(), old[0].ID)
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = s.Task(t.Context(), old[1].ID)
	require.NoError(t, err, "it has not ended")
}
