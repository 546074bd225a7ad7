package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// accepted accepts events, each in a transaction of its own, and returns them as
// they travel.
func accepted(t testing.TB, s *store.Store, events ...store.NewEvent) []event.Event {
	t.Helper()
	travel := make([]event.Event, len(events))
	for i := range events {
		_, batches, err := s.Accept(t.Context(), events[i:i+1], 1<<20)
		require.NoError(t, err)
		travel[i] = batches[0].Events[0]
	}
	return travel
}

func place(e event.Event) event.Place { return event.Place{Tx: e.Tx, Event: e.ID} }

// spanOf is all between two events.
func spanOf(first, last event.Event) store.Span {
	return store.Span{After: place(first), Before: place(last), Since: first.ID.Time().Add(-2 * time.Second), Until: last.ID.Time().Add(2 * time.Second)}
}

func TestUnfinished(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant, other := testkit.Tenant(t, s), testkit.Tenant(t, s)
	early := newEvent(tenant)
	before := accepted(t, s, early)[0]
	endpoint := testkit.Endpoint(t, s, tenant, "https://example.com", func(e *store.Endpoint) { e.Channels = []string{"eu"} })

	change := func(what func(*store.NewEvent)) store.NewEvent {
		e := newEvent(tenant)
		what(&e)
		return e
	}
	events := accepted(t, s,
		newEvent(tenant), // the first that is in order
		newEvent(other),
		change(func(e *store.NewEvent) { e.Channels = []string{"us"} }),
		change(func(e *store.NewEvent) { e.Endpoint = endpoint.ID }),
		change(func(e *store.NewEvent) { e.DeliverAt = time.Now().Add(time.Second) }),
		newEvent(tenant), // attempted
		newEvent(tenant), // to be attempted again
		newEvent(tenant), // dead
		newEvent(tenant), // on its way
		newEvent(tenant), // on its way, and attempted
		newEvent(tenant), // the last
	)
	attempt := func(e event.Event, run event.ID, number int, next time.Time) store.Attempt {
		a := attemptOf(&event.Delivery{Event: e.ID, Tenant: tenant, Endpoint: endpoint.ID, Run: run, Attempt: number}, "rejected")
		a.NextAt = next
		return a
	}
	next, run := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond), event.NewID()
	made := []store.Attempt{
		attempt(events[5], event.ID{}, 1, next), attempt(events[5], event.ID{}, 2, time.Time{}),
		attempt(events[6], event.ID{}, 1, time.Time{}), attempt(events[6], run, 3, next),
		attempt(before, event.ID{}, 1, time.Time{}), attempt(events[9], event.ID{}, 1, next),
	}
	require.NoError(t, s.RecordAttempts(t.Context(), made))
	letter := store.DeadLetter{Event: events[7].ID, Tenant: tenant, Endpoint: endpoint.ID, Reason: "endpoint_disabled"}
	require.NoError(t, s.RecordDeadLetters(t.Context(), []store.DeadLetter{letter}))

	last := len(events) - 1
	got, err := s.Unfinished(t.Context(), tenant, endpoint.ID, spanOf(events[0], events[last]), 10)
	require.NoError(t, err)
	require.Equal(t, []event.Place{place(events[last-2]), place(events[last-1])}, got)
	all := spanOf(before, events[last])
	all.After = event.Place{}
	got, err = s.Unfinished(t.Context(), tenant, endpoint.ID, all, 10)
	require.NoError(t, err)
	require.Equal(t, []event.Place{place(events[0]), place(events[last-2]), place(events[last-1])}, got, "what is older than the endpoint is not for it")
	got, err = s.Unfinished(t.Context(), tenant, endpoint.ID, all, 1)
	require.NoError(t, err)
	require.Equal(t, []event.Place{place(events[0])}, got)

	newest, err := s.NewestAttempts(t.Context(), tenant, endpoint.ID, []event.ID{events[5].ID, events[6].ID, events[8].ID})
	require.NoError(t, err)
	want := map[store.Leg]store.Attempt{}
	for _, a := range []store.Attempt{made[1], made[2], made[3]} {
		want[store.Leg{Event: a.Event, Run: a.Run}] = store.Attempt{
			ID: a.ID, Tenant: a.Tenant, Event: a.Event, Endpoint: a.Endpoint, Run: a.Run, Number: a.Number, Outcome: a.Outcome, NextAt: a.NextAt,
		}
	}
	for leg, a := range newest {
		if !a.NextAt.IsZero() {
			a.NextAt = a.NextAt.UTC()
			newest[leg] = a
		}
	}
	require.Equal(t, want, newest)
}

// BenchmarkUnfinished asks what is missing in a window of an ordered endpoint, among
// 10,000 events of its tenant of the last seconds, of which it wants one in ten or
// all and has had all but those in the window.
func BenchmarkUnfinished(b *testing.B) {
	const recent, window = 10_000, 256
	for name, types := range map[string][]string{"all": nil, "one in ten": {"wanted"}} {
		b.Run(name, func(b *testing.B) {
			url := testkit.Database(b)
			s := testkit.Open(b, url)
			tenant := testkit.Tenant(b, s)
			endpoint := testkit.Endpoint(b, s, tenant, "https://example.com", func(e *store.Endpoint) { e.EventTypes = types })
			var events []event.Event
			for range recent / 500 {
				group := make([]store.NewEvent, 500)
				for i := range group {
					group[i] = newEvent(tenant)
					if i%10 == 0 {
						group[i].Type = "wanted"
					}
				}
				_, batches, err := s.Accept(b.Context(), group, 256<<10)
				require.NoError(b, err)
				for _, batch := range batches {
					events = append(events, batch.Events...)
				}
			}
			var attempts []store.Attempt
			for _, e := range events[:len(events)-window] {
				attempts = append(attempts, attemptOf(&event.Delivery{Event: e.ID, Tenant: tenant, Endpoint: endpoint.ID, Attempt: 1}, "success"))
			}
			require.NoError(b, s.RecordAttempts(b.Context(), attempts))
			_, err := testkit.SQL(b, url).Exec(b.Context(), `ANALYZE`)
			require.NoError(b, err)
			for begin, first := range map[string]int{"after the last": recent - window - 1, "from the beginning": 0} {
				b.Run(begin, func(b *testing.B) {
					span := spanOf(events[first], events[recent-1])
					span.Since = events[0].ID.Time()
					for b.Loop() {
						_, err := s.Unfinished(b.Context(), tenant, endpoint.ID, span, 2*window)
						require.NoError(b, err)
					}
				})
			}
		})
	}
}
