package store_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// TestHistory walks lists whose rows are days and weeks apart, and has the
// database explain in which days it looks for a page.
func TestHistory(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	s := testkit.Open(t, url)
	today := time.Now().UTC().Truncate(day)
	db := testkit.SQL(t, url)
	for n := 2; n <= 40; n++ {
		for _, table := range []string{"events", "attempts", "event_keys", "batches"} {
			testkit.Partition(t, db, table, today.Add(-time.Duration(n)*day))
		}
	}
	tenant, endpoint := testkit.Tenant(t, s), event.NewID()
	var made []event.ID // newest first
	for _, days := range []int{0, 0, 1, 3, 9, 11, 30, 38} {
		e := newEvent(tenant)
		e.ID = event.FloorID(e.ID.Time().Add(-time.Duration(days)*day - time.Duration(len(made))*time.Second))
		_, _, err := s.Accept(t.Context(), []store.NewEvent{e}, 1<<20)
		require.NoError(t, err)
		require.NoError(t, s.RecordAttempts(t.Context(), []store.Attempt{{
			ID: e.ID, Tenant: tenant, Event: e.ID, Endpoint: endpoint, Number: 1, Outcome: store.OutcomeSuccess, Response: []byte{},
		}}))
		made = append(made, e.ID)
	}
	type pager func(f store.EventFilter, p store.Page[event.ID]) ([]event.ID, bool)
	lists := map[string]pager{
		"events": func(f store.EventFilter, p store.Page[event.ID]) (ids []event.ID, more bool) {
			rows, rest, err := s.Events(t.Context(), tenant, store.PostedFilter{EventFilter: f}, p, false)
			require.NoError(t, err)
			for _, row := range rows {
				ids = append(ids, row.ID)
			}
			return ids, rest.More
		},
		"attempts": func(f store.EventFilter, p store.Page[event.ID]) (ids []event.ID, more bool) {
			rows, rest, err := s.Attempts(t.Context(), tenant, store.AttemptFilter{Endpoint: endpoint, EventFilter: f}, p)
			require.NoError(t, err)
			for _, row := range rows {
				ids = append(ids, row.ID)
			}
			return ids, rest.More
		},
		"attempted events": func(f store.EventFilter, p store.Page[event.ID]) (ids []event.ID, more bool) {
			rows, rest, err := s.AttemptedEvents(t.Context(), tenant, endpoint, store.DeliveryFilter{EventFilter: f}, p, false)
			require.NoError(t, err)
			for _, row := range rows {
				ids = append(ids, row.ID)
			}
			return ids, rest.More
		},
	}
	for name, list := range lists {
		for limit := 1; limit <= len(made)+1; limit++ {
			page := store.Page[event.ID]{Limit: limit}
			var forth, back []event.ID
			for more := true; more; page.From = forth[len(forth)-1] {
				var ids []event.ID
				ids, more = list(store.EventFilter{}, page)
				forth = append(forth, ids...)
			}
			require.Equal(t, made, forth, "%s in pages of %d", name, limit)
			page.Back = true
			for more := true; more; page.From = back[0] {
				var ids []event.ID
				ids, more = list(store.EventFilter{}, page)
				back = append(slices.Clone(ids), back...)
			}
			require.Equal(t, made[:len(made)-1], back, "%s back in pages of %d", name, limit)
		}
		got, _ := list(store.EventFilter{After: made[5].Time(), Before: made[1].Time()}, store.Page[event.ID]{Limit: 10})
		require.Equal(t, made[2:6], got, name)
		got, _ = list(store.EventFilter{Types: []string{"other"}}, store.Page[event.ID]{Limit: 10})
		require.Empty(t, got, name)
	}
	asked := &queries{}
	require.NoError(t, s.Trace(t.Context(), asked))
	for name, list := range lists {
		asked.take("")
		list(store.EventFilter{}, store.Page[event.ID]{Limit: 1})
		found := asked.take(map[bool]string{true: "events", false: "attempts"}[name == "events"])
		require.NotEmpty(t, found, name)
		require.LessOrEqual(t, len(found), 2, "%s: a page that is full after a day is found at once, and read", name)
		var plans []string
		for _, q := range found {
			plan, err := s.Explain(t.Context(), q.SQL, q.Args)
			require.NoError(t, err)
			plans = append(plans, plan...)
		}
		text := strings.Join(plans, "\n")
		touched := partitionNames("(events|attempts)").FindAllString(text, -1)
		dates := make(map[string]bool)
		for _, table := range touched {
			_, date, _ := strings.Cut(table, "_")
			dates[date] = true
		}
		require.LessOrEqual(t, len(dates), 3, "%s, from yesterday to what may be tomorrow already:\n%s", name, text)
	}
}
