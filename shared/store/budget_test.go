package store_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// past is what happened to a tenant, oldest first.
type past struct {
	events   []store.NewEvent
	attempts []store.Attempt // at one endpoint
}

// makePast makes events of the last twelve days, hardly any of them of a rare
// type, channel or tag, and attempts at them, some of them much later.
func makePast(t *testing.T, url string, s *store.Store, random *rand.Rand) (tenant, endpoint event.ID, p past) {
	t.Helper()
	today := time.Now().UTC().Truncate(day)
	db := testkit.SQL(t, url)
	for n := 2; n <= 13; n++ {
		for _, table := range []string{"events", "attempts", "event_keys", "batches"} {
			testkit.Partition(t, db, table, today.Add(-time.Duration(n)*day))
		}
	}
	tenant, endpoint = testkit.Tenant(t, s), event.NewID()
	rarely := func(usual, rare string) string {
		if random.IntN(12) == 0 {
			return rare
		}
		return usual
	}
	const events = 150
	for n := range events {
		age := time.Duration(random.Int64N(int64(12 * day)))
		if n%3 == 0 {
			age /= 24 // many on one day
		}
		e := newEvent(tenant)
		e.ID = event.FloorID(time.Now().Add(-age))
		e.Type, e.Channels, e.Tags = rarely("paid", "rare"), []string{rarely("eu", "rare")}, []string{rarely("new", "rare")}
		p.events = append(p.events, e)
		for number := range random.IntN(4) {
			a := store.Attempt{
				ID: event.FloorID(time.Now().Add(-time.Duration(random.Int64N(int64(age))))), Tenant: tenant, Event: e.ID, Endpoint: endpoint,
				Number: number + 1, Outcome: rarely(store.OutcomeSuccess, "http_status"), StatusCode: 200, Response: []byte{},
			}
			if a.Outcome != store.OutcomeSuccess {
				a.StatusCode = 500
			}
			p.attempts = append(p.attempts, a)
		}
	}
	slices.SortFunc(p.attempts, func(a, b store.Attempt) int { return slices.Compare(a.ID[:], b.ID[:]) })
	slices.SortFunc(p.events, func(a, b store.NewEvent) int { return slices.Compare(a.ID[:], b.ID[:]) })
	_, _, err := s.Accept(t.Context(), p.events, 1<<20)
	require.NoError(t, err)
	require.NoError(t, s.RecordAttempts(t.Context(), p.attempts))
	return tenant, endpoint, p
}

func (p *past) event(id event.ID) *store.NewEvent {
	return &p.events[slices.IndexFunc(p.events, func(e store.NewEvent) bool { return e.ID == id })]
}

// newest is the newest attempt at an event, nil when there is none.
func (p *past) newest(id event.ID) (newest *store.Attempt) {
	for i := range p.attempts {
		if p.attempts[i].Event == id {
			newest = &p.attempts[i]
		}
	}
	return newest
}

func fits(e *store.NewEvent, f *store.EventFilter) bool {
	return (len(f.Types) == 0 || slices.Contains(f.Types, e.Type)) &&
		(f.Channel == "" || slices.Contains(e.Channels, f.Channel)) && (f.Tag == "" || slices.Contains(e.Tags, f.Tag))
}

// TestPagesAreBounded walks each list of what happened with filters that hardly
// anything matches, both ways and from anywhere: a page looks at no more rows
// than it may, and all of them together have what a look at everything finds.
func TestPagesAreBounded(t *testing.T) {
	t.Parallel()
	const budget = 7
	url := testkit.Database(t)
	s := testkit.Open(t, url)
	s.BoundPages(budget)
	random := rand.New(rand.NewPCG(1, 2))
	tenant, endpoint, past := makePast(t, url, s, random)

	filters := []store.EventFilter{{}, {Types: []string{"rare"}}, {Channel: "rare", Tag: "new"}, {Tag: "none"}}
	for n := range 3 * len(filters) {
		f, failed := filters[n/3], n%2 == 1
		if n%3 > 0 {
			f.After = time.Now().Add(-7 * day)
		}
		if n%3 > 1 {
			f.Before = time.Now().Add(-8 * time.Hour)
		}
		within := func(id event.ID) bool {
			return !id.Time().Before(f.After) && (f.Before.IsZero() || id.Time().Before(f.Before))
		}
		name := fmt.Sprintf("%d (%v)", n, f)
		w := walker{t: t, name: "events " + name, budget: budget}
		for _, e := range past.events {
			w.add(e.ID, within(e.ID), fits(&e, &f))
		}
		w.walk(random, func(p store.Page[event.ID]) ([]event.ID, store.Rest, error) {
			rows, rest, err := s.Events(t.Context(), tenant, store.PostedFilter{EventFilter: f}, p, false)
			return idsOf(rows, func(e store.Posted) event.ID { return e.ID }), rest, err
		})

		attempts, deliveries := store.AttemptFilter{EventFilter: f, Endpoint: endpoint}, store.DeliveryFilter{EventFilter: f}
		if failed {
			attempts.Failure, attempts.Codes, deliveries.State = true, &store.CodeRange{From: 500, To: 600}, new(store.StateFailed)
		}
		w = walker{t: t, name: "attempts " + name, budget: budget}
		for _, a := range past.attempts {
			w.add(a.ID, within(a.ID), fits(past.event(a.Event), &f) && (!failed || a.StatusCode == 500))
		}
		w.walk(random, func(p store.Page[event.ID]) ([]event.ID, store.Rest, error) {
			rows, rest, err := s.Attempts(t.Context(), tenant, attempts, p)
			return idsOf(rows, func(a store.Attempt) event.ID { return a.ID }), rest, err
		})
		w = walker{t: t, name: "attempted events " + name, budget: budget}
		for _, e := range past.events {
			if newest := past.newest(e.ID); newest != nil {
				w.add(e.ID, within(e.ID), fits(&e, &f) && (!failed || newest.StatusCode == 500))
			}
		}
		w.walk(random, func(p store.Page[event.ID]) ([]event.ID, store.Rest, error) {
			rows, rest, err := s.AttemptedEvents(t.Context(), tenant, endpoint, deliveries, p, false)
			return idsOf(rows, func(a store.AttemptedEvent) event.ID { return a.ID }), rest, err
		})
	}
}

func idsOf[T any](rows []T, id func(T) event.ID) (ids []event.ID) {
	for _, row := range rows {
		ids = append(ids, id(row))
	}
	return ids
}

// walker walks a list and compares it with what is in there.
type walker struct {
	t      *testing.T
	name   string
	budget int
	all    []event.ID // that may be looked at
	wanted []event.ID
}

func (w *walker) add(id event.ID, within, fits bool) {
	if within {
		w.all = append(w.all, id)
	}
	if within && fits {
		w.wanted = append(w.wanted, id)
	}
}

func (w *walker) walk(random *rand.Rand, list func(store.Page[event.ID]) ([]event.ID, store.Rest, error)) {
	w.t.Helper()
	for _, back := range []bool{false, true} {
		for _, begin := range []event.ID{{}, event.FloorID(time.Now().Add(-time.Duration(random.Int64N(int64(6 * day)))))} {
			page := store.Page[event.ID]{Limit: 1 + random.IntN(10), From: begin, Back: back}
			beyond := func(id, from event.ID) bool {
				return from.IsZero() || (slices.Compare(id[:], from[:]) > 0) == back && id != from
			}
			var want, got []event.ID
			for _, id := range w.wanted {
				if beyond(id, begin) {
					want = append(want, id)
				}
			}
			for {
				ids, rest, err := list(page)
				require.NoError(w.t, err, w.name)
				require.LessOrEqual(w.t, len(ids), page.Limit, w.name)
				if back {
					slices.Reverse(ids)
				}
				got = append(got, ids...)
				looked := 0
				for _, id := range w.all {
					if beyond(id, page.From) && (!rest.More || !beyond(id, rest.From)) {
						looked++
					}
				}
				require.LessOrEqual(w.t, looked, w.budget, w.name)
				if !rest.More {
					break
				}
				require.True(w.t, beyond(rest.From, page.From), "%s goes on", w.name)
				page.From = rest.From
			}
			if !back {
				slices.Reverse(want)
			}
			require.Equal(w.t, want, got, "%s, back: %t", w.name, back)
		}
	}
}
