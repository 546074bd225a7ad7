package store_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// accept stores n events of the tenant.
func accept(t *testing.T, s *store.Store, tenant event.ID, n int) []event.ID {
	t.Helper()
	events, ids := make([]store.NewEvent, n), make([]event.ID, n)
	for i := range events {
		events[i] = newEvent(tenant)
		ids[i] = events[i].ID
	}
	_, _, err := s.Accept(t.Context(), events, 1<<20)
	require.NoError(t, err)
	return ids
}

// between an endpoint and an event of the tenant.
func between(tenant, endpoint, eventID event.ID) *event.Delivery {
	return &event.Delivery{Event: eventID, Tenant: tenant, Endpoint: endpoint, Attempt: 1}
}

// try records an attempt; a delay says that another is planned.
func try(t *testing.T, s *store.Store, d *event.Delivery, outcome string, delay time.Duration) store.Attempt {
	t.Helper()
	a := attemptOf(d, outcome)
	if delay > 0 {
		a.NextAt = time.Now().Add(delay).UTC().Truncate(time.Microsecond)
	}
	require.NoError(t, s.RecordAttempts(t.Context(), []store.Attempt{a}))
	return a
}

func TestAttemptedEvents(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant, endpoint, other := testkit.Tenant(t, s), event.NewID(), event.NewID()
	ids := accept(t, s, tenant, 5)
	planned := try(t, s, between(tenant, endpoint, ids[3]), "timeout", time.Hour) // the newest event is attempted first
	try(t, s, between(tenant, endpoint, ids[0]), "timeout", time.Hour)
	try(t, s, between(tenant, endpoint, ids[1]), "rejected", 0)
	try(t, s, between(tenant, endpoint, ids[0]), "success", 0)
	try(t, s, between(tenant, other, ids[2]), "success", 0)
	try(t, s, between(tenant, endpoint, event.NewID()), "success", 0) // its event is gone

	list := func(f store.DeliveryFilter, p store.Page[event.ID]) ([]event.ID, bool) {
		got, rest, err := s.AttemptedEvents(t.Context(), tenant, endpoint, f, p, true)
		require.NoError(t, err)
		var found []event.ID
		for _, a := range got {
			found = append(found, a.ID)
		}
		return found, rest.More
	}
	for name, tt := range map[string]struct {
		filter store.DeliveryFilter
		page   store.Page[event.ID]
		want   []event.ID
		more   bool
	}{
		"all":         {store.DeliveryFilter{}, store.Page[event.ID]{Limit: 10}, []event.ID{ids[3], ids[1], ids[0]}, false},
		"first page":  {store.DeliveryFilter{}, store.Page[event.ID]{Limit: 2}, []event.ID{ids[3], ids[1]}, true},
		"second page": {store.DeliveryFilter{}, store.Page[event.ID]{Limit: 2, From: ids[1]}, []event.ID{ids[0]}, false},
		"back":        {store.DeliveryFilter{}, store.Page[event.ID]{Limit: 1, From: ids[0], Back: true}, []event.ID{ids[1]}, true},
		"success":     {store.DeliveryFilter{State: new(store.StateSuccess)}, store.Page[event.ID]{Limit: 10}, ids[:1], false},
		"sending":     {store.DeliveryFilter{State: new(store.StateSending)}, store.Page[event.ID]{Limit: 10}, ids[3:4], false},
		"failed":      {store.DeliveryFilter{State: new(store.StateFailed)}, store.Page[event.ID]{Limit: 10}, ids[1:2], false},
		"pending":     {store.DeliveryFilter{State: new(store.StatePending)}, store.Page[event.ID]{Limit: 10}, nil, false},
		"after":       {store.DeliveryFilter{EventFilter: store.EventFilter{After: ids[1].Time()}}, store.Page[event.ID]{Limit: 10}, []event.ID{ids[3], ids[1]}, false},
		"before":      {store.DeliveryFilter{EventFilter: store.EventFilter{Before: ids[1].Time()}}, store.Page[event.ID]{Limit: 10}, ids[:1], false},
		"another type": {
			store.DeliveryFilter{EventFilter: store.EventFilter{Types: []string{"other"}}}, store.Page[event.ID]{Limit: 10}, nil, false,
		},
	} {
		found, more := list(tt.filter, tt.page)
		require.Equal(t, tt.want, found, name)
		require.Equal(t, tt.more, more, name)
	}
	got, _, err := s.AttemptedEvents(t.Context(), tenant, endpoint, store.DeliveryFilter{}, store.Page[event.ID]{Limit: 1}, false)
	require.NoError(t, err)
	require.Equal(t, store.StateSending, got[0].State)
	require.True(t, planned.NextAt.Equal(got[0].NextAt))
	require.Nil(t, got[0].Payload, "it was not asked for")

	stats, err := s.Stats(t.Context(), tenant, endpoint, time.Now().Add(-time.Hour), time.Now().Add(time.Second))
	require.NoError(t, err)
	require.Equal(t, store.Stats{Success: 2, Sending: 1, Failed: 1}, stats, "each delivery once")
	stats, err = s.Stats(t.Context(), tenant, endpoint, time.Now().Add(-time.Hour), planned.ID.Time().Add(-time.Millisecond))
	require.NoError(t, err)
	require.Zero(t, stats, "nothing was attempted before")
	stats, err = s.Stats(t.Context(), testkit.Tenant(t, s), endpoint, time.Now().Add(-time.Hour), time.Now())
	require.NoError(t, err)
	require.Zero(t, stats, "another tenant's")
}

func TestAttemptedEndpoints(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)
	var endpoints []event.ID
	for range 3 {
		endpoints = append(endpoints, testkit.Endpoint(t, s, tenant, "https://example.com/").ID)
	}
	ids := accept(t, s, tenant, 2)
	try(t, s, between(tenant, endpoints[2], ids[0]), "gone", 0)
	try(t, s, between(tenant, endpoints[0], ids[0]), "timeout", time.Hour)
	try(t, s, between(tenant, endpoints[0], ids[0]), "success", 0)
	try(t, s, between(tenant, endpoints[1], ids[1]), "success", 0)
	require.NoError(t, s.DeleteEndpoint(t.Context(), tenant, store.Ref{ID: endpoints[2]}))

	got, more, err := s.AttemptedEndpoints(t.Context(), tenant, ids[0], store.Page[event.ID]{Limit: 10, Ascending: true})
	require.NoError(t, err)
	require.False(t, more)
	require.Len(t, got, 2)
	require.Equal(t, []event.ID{endpoints[0], endpoints[2]}, []event.ID{got[0].ID, got[1].ID}, "also the deleted one")
	require.Equal(t, []store.State{store.StateSuccess, store.StateFailed}, []store.State{got[0].State, got[1].State})
	got, more, err = s.AttemptedEndpoints(t.Context(), tenant, ids[0], store.Page[event.ID]{Limit: 1, Ascending: true, From: endpoints[2], Back: true})
	require.NoError(t, err)
	require.False(t, more)
	require.Equal(t, endpoints[0], got[0].ID)
	got, _, err = s.AttemptedEndpoints(t.Context(), testkit.Tenant(t, s), ids[0], store.Page[event.ID]{Limit: 10, Ascending: true})
	require.NoError(t, err)
	require.Empty(t, got, "another tenant's")
}

// TestDeliveryListsUseTheirIndex has the database explain, among many attempts,
// the queries that the store really makes: they read only the days that they must,
// and a page of a long list walks an index without sorting.
func TestDeliveryListsUseTheirIndex(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	s := testkit.Open(t, url)
	tenant, endpoint := testkit.Tenant(t, s), event.NewID()
	eventID := accept(t, s, tenant, 1)[0]
	for range 4 {
		var rows []store.Attempt
		for range 1000 {
			a := attemptOf(newDelivery(), "success")
			a.Tenant, a.Endpoint = tenant, endpoint
			rows = append(rows, a)
		}
		require.NoError(t, s.RecordAttempts(t.Context(), rows))
	}
	_, err := testkit.SQL(t, url).Exec(t.Context(), `ANALYZE attempts`)
	require.NoError(t, err)
	asked := &queries{}
	require.NoError(t, s.Trace(t.Context(), asked))

	now := time.Now()
	page := store.Page[event.ID]{Limit: 50}
	for name, tt := range map[string]struct {
		since time.Time
		long  bool // so that it may not be read whole
		ask   func(context.Context) error
	}{
		"messages of an endpoint": {now.Add(-2 * time.Hour), true, func(ctx context.Context) error {
			f := store.DeliveryFilter{EventFilter: store.EventFilter{After: now.Add(-time.Hour)}}
			_, _, err := s.AttemptedEvents(ctx, tenant, endpoint, f, page, true)
			return err
		}},
		"endpoints of a message": {eventID.Time().Add(-time.Hour), false, func(ctx context.Context) error {
			_, _, err := s.AttemptedEndpoints(ctx, tenant, eventID, page)
			return err
		}},
		"stats": {now.Add(-time.Hour), false, func(ctx context.Context) error {
			_, err := s.Stats(ctx, tenant, endpoint, now.Add(-time.Hour), now)
			return err
		}},
	} {
		asked.take("")
		require.NoError(t, tt.ask(t.Context()), name)
		found := asked.take("attempts")
		require.NotEmpty(t, found, name)
		var plans []string
		for _, q := range found { // a page is looked for among more and more, since all of their events are gone
			plan, err := s.Explain(t.Context(), q.SQL, q.Args)
			require.NoError(t, err, name)
			plans = append(plans, plan...)
		}
		text := strings.Join(plans, "\n")
		var allowed []string // both ends, should midnight be near
		for _, at := range []time.Time{tt.since, now, now.Add(time.Hour)} {
			allowed = append(allowed, "attempts_"+at.UTC().Format("20060102"))
		}
		touched := partitionNames("attempts").FindAllString(text, -1)
		require.NotEmpty(t, touched, name)
		for _, partition := range touched {
			require.True(t, slices.Contains(allowed, partition), "%s touches %s:\n%s", name, partition, text)
		}
		if tt.long {
			require.NotContains(t, text, "Seq Scan", name)
			require.NotRegexp(t, `(?m)^( *->  )?(Incremental )?Sort$`, text, name) // merging two days near midnight is none
		}
	}
}

func TestWanted(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	for name, tt := range map[string]struct {
		change   func(*store.Endpoint)
		channels []string
		want     bool
	}{
		"everything":        {func(*store.Endpoint) {}, nil, true},
		"its type":          {func(e *store.Endpoint) { e.EventTypes = []string{"other", "paid"} }, nil, true},
		"another type":      {func(e *store.Endpoint) { e.EventTypes = []string{"other"} }, nil, false},
		"its channel":       {func(e *store.Endpoint) { e.Channels = []string{"eu", "us"} }, []string{"us"}, true},
		"another channel":   {func(e *store.Endpoint) { e.Channels = []string{"eu"} }, []string{"us"}, false},
		"a channel of none": {func(e *store.Endpoint) { e.Channels = []string{"eu"} }, nil, false},
		"disabled":          {func(e *store.Endpoint) { e.Disabled = true }, nil, false},
	} {
		tenant := testkit.Tenant(t, s)
		e := testkit.Endpoint(t, s, tenant, "https://example.com/", tt.change)
		got, err := s.Wanted(t.Context(), tenant, "paid", tt.channels)
		require.NoError(t, err, name)
		require.Equal(t, tt.want, got, name)
		require.NoError(t, s.DeleteEndpoint(t.Context(), tenant, store.Ref{ID: e.ID}))
		got, err = s.Wanted(t.Context(), tenant, "paid", tt.channels)
		require.NoError(t, err, name)
		require.False(t, got, "%s, and deleted", name)
	}
}
