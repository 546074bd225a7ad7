package quota

import (
	"net/netip"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestQuota: a bucket empties, says when to come back, and fills up.
func TestQuota(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New[string](2, 3)
		require.Equal(t, Standing{Allowed: true, Limit: 3, Left: 3}, q.Look("a"))
		require.Equal(t, Standing{Allowed: true, Limit: 3, Left: 2, Full: 500 * time.Millisecond}, q.Take("a"))
		q.Take("a")
		require.Equal(t, Standing{Allowed: true, Limit: 3, Full: 1500 * time.Millisecond, Retry: 500 * time.Millisecond}, q.Take("a"))
		refused := Standing{Limit: 3, Full: 1500 * time.Millisecond, Retry: 500 * time.Millisecond}
		require.Equal(t, refused, q.Take("a"))
		require.Equal(t, refused, q.Look("a"), "to be refused costs nothing")
		require.True(t, q.Take("b").Allowed, "another caller has a bucket of its own")
		time.Sleep(refused.Retry)
		require.True(t, q.Take("a").Allowed)
		require.False(t, q.Take("a").Allowed)
		time.Sleep(time.Hour)
		require.Equal(t, 2, q.Take("a").Left, "a bucket does not run over")
	})
}

// TestRate: in no time is more done than the rate and one burst, and who asks often
// enough gets the rate.
func TestRate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		perSecond, burst := rapid.IntRange(1, 1000).Draw(r, "rate"), rapid.IntRange(1, 100).Draw(r, "burst")
		pauses := rapid.SliceOfN(rapid.IntRange(0, 50), 1, 200).Draw(r, "pauses, ms")
		synctest.Test(t, func(t *testing.T) {
			q := New[int](float64(perSecond), burst)
			began, done := time.Now(), 0
			for _, ms := range pauses {
				time.Sleep(time.Duration(ms) * time.Millisecond)
				if q.Take(0).Allowed {
					done++
				}
			}
			most := float64(burst) + time.Since(began).Seconds()*float64(perSecond)
			require.LessOrEqual(t, float64(done), most+1e-6)
		})
	})
}

// TestNone: without a rate nothing is refused, and nobody remembered.
func TestNone(t *testing.T) {
	t.Parallel()
	q := New[int](0, 0)
	for range 1000 {
		require.Equal(t, Standing{Allowed: true}, q.Take(1))
	}
	require.Empty(t, q.buckets.items)
}

// TestBounded: whoever comes under ever new names does not fill the memory, and
// pushes out those first who have done nothing for longest.
func TestBounded(t *testing.T) {
	t.Parallel()
	q := New[int](1e-6, 1) // fills up in eleven days
	q.Take(-1)
	for i := range 3 * capacity {
		q.Take(i)
		require.False(t, q.Take(-1).Allowed)
	}
	require.Len(t, q.buckets.items, capacity)
	require.Equal(t, capacity, q.buckets.order.Len())
}

// TestLogins: after too many wrong tokens a client is not heard, but with a token
// that was right before, and for as long as that is right.
func TestLogins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := NewLogins(60)
		here, there := netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("192.0.2.2/32")
		l.Right(here, "good")
		for i := range 60 {
			require.Zero(t, l.Blocked(here, "guess"))
			l.Wrong(here, "guess "+strconv.Itoa(i))
		}
		require.Equal(t, time.Second, l.Blocked(here, "guess"))
		require.Zero(t, l.Blocked(here, "good"))
		require.Zero(t, l.Blocked(there, "guess"))
		for range 60 {
			l.Wrong(there, "guess")
		}
		require.NotZero(t, l.Blocked(there, "good"), "from there it was never right")
		l.Wrong(here, "good")
		require.NotZero(t, l.Blocked(here, "good"), "it was deleted")
		time.Sleep(time.Minute)
		require.Zero(t, l.Blocked(here, "guess"))
	})
}
