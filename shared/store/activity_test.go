package store_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// TestActivity counts random attempts of two days and compares with a count by hand.
func TestActivity(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	s := testkit.Open(t, url)
	random := rand.New(rand.NewPCG(3, 4))
	now := time.Now().UTC()
	tenant, other := event.FloorID(now.Add(-40*time.Hour)), testkit.Tenant(t, s)
	require.NoError(t, s.CreateTenant(t.Context(), &store.Tenant{ID: tenant, Name: "old"}))
	var endpoints []event.ID // of the last there is nothing
	for range 3 {
		endpoints = append(endpoints, testkit.Endpoint(t, s, tenant, "https://example.com/").ID)
	}
	in := store.Period{Since: now.Truncate(time.Hour).Add(-23 * time.Hour), Part: time.Hour, Parts: 24}
	testkit.Partition(t, testkit.SQL(t, url), "attempts", now.Truncate(day).Add(-2*day))

	var attempts []store.Attempt
	want := make(map[store.Activity]int64)
	for range 500 {
		a := store.Attempt{
			ID: event.FloorID(now.Add(-time.Duration(random.Int64N(int64(30 * time.Hour))))), Tenant: tenant, Event: event.NewID(),
			Endpoint: endpoints[random.IntN(2)], Number: 1, Outcome: []string{store.OutcomeSuccess, "timeout"}[random.IntN(2)],
			Duration: time.Duration(random.IntN(20)) * time.Millisecond, Response: []byte{},
		}
		attempts = append(attempts, a)
		if began := a.ID.Time(); !began.Before(in.Since) {
			class := 0
			for from, to := store.LatencyClass(class); a.Duration < from || a.Duration >= to; from, to = store.LatencyClass(class) {
				class++
			}
			want[store.Activity{Endpoint: a.Endpoint, Part: int(began.Sub(in.Since) / in.Part), Outcome: a.Outcome, Class: class}]++
		}
	}
	strange := attempts[0]
	strange.ID, strange.Tenant = event.NewID(), other // nobody's who asks
	require.NoError(t, s.RecordAttempts(t.Context(), append(attempts, strange)))

	same := func(limit int) {
		t.Helper()
		found, more, err := s.Activity(t.Context(), tenant, endpoints, in, limit)
		require.NoError(t, err)
		require.Empty(t, more)
		got := make(map[store.Activity]int64)
		for _, a := range found {
			n := a.Attempts
			a.Attempts = 0
			got[a] += n
		}
		require.Equal(t, want, got)
	}
	same(3*500 + 3)

	found, more, err := s.Activity(t.Context(), tenant, endpoints, in, 3*10)
	require.NoError(t, err)
	require.Equal(t, endpoints[:2], more, "of these there is more")
	sum := int64(0)
	for _, a := range found {
		sum += a.Attempts
	}
	require.EqualValues(t, 20, sum, "no more than the limit is looked at")

	count := func(until time.Time) {
		t.Helper()
		for more := true; more; {
			var err error
			more, err = s.CountActivity(t.Context(), until)
			require.NoError(t, err)
		}
	}
	for _, ago := range []time.Duration{20*time.Hour + time.Minute, 20 * time.Hour, 2 * time.Hour} {
		count(now.Add(-ago))
		same(3*500 + 3)
	}
	count(time.Now().Add(time.Second))
	same(3) // there is nothing left to look at
	in.Part, in.Parts = time.Minute, 60
	in.Since = now.Truncate(time.Minute).Add(-59 * time.Minute)
	found, _, err = s.Activity(t.Context(), tenant, endpoints, in, 3*500)
	require.NoError(t, err)
	for _, a := range found {
		require.Less(t, a.Part, 60, "minutes are not counted before")
	}
}

// TestLatencyClasses: they are without gaps, and the last has no end.
func TestLatencyClasses(t *testing.T) {
	t.Parallel()
	before := time.Duration(0)
	for class := 0; ; class++ {
		from, to := store.LatencyClass(class)
		require.Equal(t, before, from)
		if from == to {
			require.Greater(t, from, time.Minute)
			return
		}
		require.Less(t, from, to)
		before = to
	}
}
