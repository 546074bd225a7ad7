package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

func TestExpungeEvent(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)
	endpoint := endpointOf(t, s, tenant)
	letters := bury(t, s, tenant, endpoint, 2)
	gone, stays := letters[0].Event, letters[1].Event
	require.ErrorIs(t, s.ExpungeEvent(t.Context(), testkit.Tenant(t, s), gone), store.ErrNotFound, "another tenant's")
	for range 2 {
		require.NoError(t, s.ExpungeEvent(t.Context(), tenant, gone))
	}

	_, err := s.Payload(t.Context(), tenant, gone)
	require.ErrorIs(t, err, store.ErrNotFound, "it is not delivered")
	shown, err := s.Event(t.Context(), tenant, store.Ref{ID: gone}, true)
	require.NoError(t, err)
	require.True(t, shown.Expunged)
	require.JSONEq(t, `{"expired":true}`, string(shown.Payload))
	shown, err = s.Event(t.Context(), tenant, store.Ref{ID: stays}, true)
	require.NoError(t, err)
	require.False(t, shown.Expunged)

	for kind, want := range map[string][]event.ID{store.TaskRecover: {stays}, store.TaskResend: {}} {
		task := store.Task{Tenant: tenant, Kind: kind, Endpoint: endpoint}
		if kind == store.TaskResend {
			task.Event = gone
		}
		var p pile
		finished, err := s.AdvanceTask(t.Context(), start(t, s, task), 10, p.handOut)
		require.NoError(t, err, kind)
		require.True(t, finished, kind)
		require.Equal(t, want, p.events(), kind)
	}
}

// TestExpiry: a payload is gone from the moment that it expires, and removed when
// somebody comes round to it.
func TestExpiry(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	s := testkit.Open(t, url)
	tenant := testkit.Tenant(t, s)
	endpoint := endpointOf(t, s, tenant)
	events := make([]store.NewEvent, 5)
	for i := range events {
		events[i] = newEvent(tenant)
		events[i].Expires = time.Now().Add(time.Duration(2*i-7) * time.Hour) // the last one is to stay
	}
	events[4].Expires, events[4].DeliverAt = events[4].Expires.UTC().Truncate(time.Microsecond), time.Now().UTC().Truncate(time.Microsecond)
	_, batches, err := s.Accept(t.Context(), events, 1<<20)
	require.NoError(t, err)
	look := func() {
		t.Helper()
		for i := range events {
			shown, err := s.Event(t.Context(), tenant, store.Ref{ID: events[i].ID}, true)
			require.NoError(t, err)
			require.Equal(t, i < 4, shown.Expunged)
			_, err = s.Payload(t.Context(), tenant, events[i].ID)
			if i < 4 {
				require.JSONEq(t, `{"expired":true}`, string(shown.Payload))
				require.ErrorIs(t, err, store.ErrNotFound)
				continue
			}
			require.Equal(t, events[i].Payload, shown.Payload)
			require.Equal(t, events[i].DeliverAt, shown.DeliverAt.UTC())
			require.NoError(t, err)
		}
	}
	look()
	_, err = s.Sweep(t.Context(), 0, 10, func(_ context.Context, swept []store.Batch) error {
		require.Len(t, swept[0].Events, 5)
		for i, e := range swept[0].Events {
			require.Equal(t, i < 4, e.Referred)
			require.Equal(t, i < 4, e.Payload == nil)
		}
		last := swept[0].Events[4]
		require.Equal(t, []time.Time{events[4].DeliverAt, events[4].Expires}, []time.Time{last.DeliverAt.UTC(), last.Expires.UTC()})
		require.Equal(t, events[4].Expires, batches[0].Events[4].Expires)
		return nil
	})
	require.NoError(t, err)
	for _, id := range []event.ID{events[0].ID, events[4].ID} {
		var p pile
		_, err := s.AdvanceTask(t.Context(), start(t, s, store.Task{Tenant: tenant, Kind: store.TaskResend, Endpoint: endpoint, Event: id}), 10, p.handOut)
		require.NoError(t, err)
		require.Len(t, p.events(), map[bool]int{false: 0, true: 1}[id == events[4].ID])
	}

	for _, want := range []int{3, 1, 0} {
		n, err := s.ExpungeDue(t.Context(), 3)
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	look()
	require.Equal(t, 1, testkit.Value[int](t, url, `SELECT count(*) FROM events WHERE payload <> '{"expired":true}'`))
}

// TestSweepAfterExpunge publishes an event whose payload was removed while it
// waited in the outbox: with nothing in it but a reference that leads nowhere.
func TestSweepAfterExpunge(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)
	ids := accept(t, s, tenant, 2)
	require.NoError(t, s.ExpungeEvent(t.Context(), tenant, ids[0]))
	var swept []event.Event
	_, err := s.Sweep(t.Context(), 0, 10, func(_ context.Context, batches []store.Batch) error {
		for _, b := range batches {
			swept = append(swept, b.Events...)
		}
		return nil
	})
	require.NoError(t, err)
	require.Len(t, swept, 2)
	require.Equal(t, []any{ids[0], true, 0}, []any{swept[0].ID, swept[0].Referred, len(swept[0].Payload)})
	require.Equal(t, []any{ids[1], false}, []any{swept[1].ID, swept[1].Referred})
	require.NotEmpty(t, swept[1].Payload)
}

func TestExpungeAttempt(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant, endpoint := testkit.Tenant(t, s), event.NewID()
	eventID := accept(t, s, tenant, 1)[0]
	gone := attemptOf(between(tenant, endpoint, eventID), "timeout")
	gone.NextAt, gone.Headers = time.Now().Add(time.Hour).Truncate(time.Microsecond), &store.AttemptHeaders{Answered: []store.Header{{"X-Card", "4111"}}}
	require.NoError(t, s.RecordAttempts(t.Context(), []store.Attempt{gone}))
	stays := try(t, s, between(tenant, endpoint, eventID), "success", 0)
	require.ErrorIs(t, s.ExpungeAttempt(t.Context(), tenant, event.NewID(), gone.ID), store.ErrNotFound)
	require.ErrorIs(t, s.ExpungeAttempt(t.Context(), event.NewID(), eventID, gone.ID), store.ErrNotFound)
	for range 2 {
		require.NoError(t, s.ExpungeAttempt(t.Context(), tenant, eventID, gone.ID))
	}
	got, err := s.Attempt(t.Context(), tenant, eventID, gone.ID)
	require.NoError(t, err)
	require.Equal(t, "EXPUNGED", string(got.Response))
	headers, err := s.AttemptHeaders(t.Context(), tenant, eventID, gone.ID)
	require.NoError(t, err)
	require.Nil(t, headers)
	require.True(t, gone.NextAt.Equal(got.NextAt), "nothing else changes")
	got, err = s.Attempt(t.Context(), tenant, eventID, stays.ID)
	require.NoError(t, err)
	require.Equal(t, stays.Response, got.Response)
}

func TestTasks(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)
	var ids []event.ID
	for range 3 {
		ids = append(ids, start(t, s, store.Task{Tenant: tenant, Kind: store.TaskRecover, Endpoint: event.NewID()}))
	}
	redrive := start(t, s, store.Task{Tenant: tenant, Kind: store.TaskRedrive})
	var p pile
	_, err := s.AdvanceTask(t.Context(), ids[1], 10, p.handOut)
	require.NoError(t, err)
	recovers := []string{store.TaskRecover}
	for name, tt := range map[string]struct {
		filter store.TaskFilter
		page   store.Page[event.ID]
		want   []event.ID
		more   bool
	}{
		"all of a kind": {store.TaskFilter{Kinds: recovers}, store.Page[event.ID]{Limit: 3, Ascending: true}, ids, false},
		"newest first":  {store.TaskFilter{Kinds: recovers}, store.Page[event.ID]{Limit: 2}, []event.ID{ids[2], ids[1]}, true},
		"next page":     {store.TaskFilter{Kinds: recovers}, store.Page[event.ID]{Limit: 2, From: ids[1]}, ids[:1], false},
		"finished":      {store.TaskFilter{Kinds: recovers, Status: store.TaskFinished}, store.Page[event.ID]{Limit: 2}, ids[1:2], false},
		"two kinds":     {store.TaskFilter{Kinds: []string{store.TaskRecover, store.TaskRedrive}}, store.Page[event.ID]{Limit: 1}, []event.ID{redrive}, true},
		"all kinds":     {store.TaskFilter{Tenant: tenant}, store.Page[event.ID]{Limit: 1}, []event.ID{redrive}, true},
		"none":          {store.TaskFilter{Tenant: event.NewID()}, store.Page[event.ID]{Limit: 1}, nil, false},
	} {
		tasks, more, err := s.Tasks(t.Context(), tt.filter, tt.page)
		require.NoError(t, err, name)
		var got []event.ID
		for _, task := range tasks {
			got = append(got, task.ID)
		}
		require.Equal(t, tt.want, got, name)
		require.Equal(t, tt.more, more, name)
	}
}
