package lanes

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/postrider/postrider/shared/event"
)

// lane names a lane for a test: the nth of the tenant.
func laneNumber(tenant, n byte) event.OwnLane {
	return event.OwnLane{Tenant: event.ID{1, tenant}, Endpoint: event.ID{2, tenant, n}}
}

// served returns the lanes whose turn it is.
func served(b *board, now time.Time, share int) []event.OwnLane {
	var lanes []event.OwnLane
	for e := b.next(now, share); e != nil; e = b.next(now, share) {
		lanes = append(lanes, e.lane)
	}
	return lanes
}

func TestTenantsTakeTurns(t *testing.T) {
	t.Parallel()
	b, now := newBoard(), time.Now()
	for n := range byte(3) {
		b.hear(laneNumber(1, n))
		b.hear(laneNumber(1, n)) // is known
	}
	b.hear(laneNumber(2, 0))
	want := []event.OwnLane{laneNumber(1, 0), laneNumber(2, 0), laneNumber(1, 1), laneNumber(1, 2)}
	require.Equal(t, want, served(b, now, 10))
}

func TestTurnsEndWhenOthersWait(t *testing.T) {
	t.Parallel()
	b, now := newBoard(), time.Now()
	b.hear(laneNumber(1, 0))
	b.hear(laneNumber(2, 0))
	require.Len(t, served(b, now, 2), 2)
	require.Empty(t, b.overstayed(now.Add(time.Hour), 2), "nobody waits")

	b.hear(laneNumber(3, 0))
	require.Empty(t, b.overstayed(now.Add(turnLasts-1), 2), "its turn is not over")
	require.Len(t, b.overstayed(now.Add(turnLasts), 2), 1, "one leaves for one that waits")
	require.Empty(t, b.overstayed(now.Add(turnLasts), 2), "it is told once")
	require.Len(t, b.overstayed(now.Add(turnLasts), 1), 1, "and what is beyond the share leaves at once")
}

func TestRests(t *testing.T) {
	t.Parallel()
	l, now := laneNumber(1, 0), time.Now()
	at := func(b *board, until time.Time) *board {
		e := b.next(now, 1)
		b.left(e, true, until, false)
		return b
	}
	resting := func() *board {
		b := newBoard()
		b.hear(l)
		return at(b, now.Add(time.Minute))
	}

	b := resting()
	b.hear(l)
	require.Nil(t, b.next(now, 1), "a message changes nothing")
	require.Equal(t, now.Add(time.Minute), b.alarm())
	require.NotNil(t, b.next(now.Add(time.Minute), 1), "its time has come")

	b = resting()
	b.tellTenant(l.Tenant)
	require.NotNil(t, b.next(now, 1), "something has changed")

	b = resting()
	b.unblock(l)
	require.Nil(t, b.next(now, 1), "nobody was in its way")

	b = resting()
	b.swept(b.rested(), func(event.OwnLane) bool { return false })
	require.Zero(t, b.known, "it is empty, and forgotten")

	b = newBoard()
	b.hear(l)
	e := b.next(now, 1)
	b.tell(l)
	b.left(e, false, now.Add(time.Minute), false)
	require.NotNil(t, b.next(now, 1), "something had changed while it was served")
}

// TestOwnLock: a worker hears of its own locks too, and they are no news.
func TestOwnLock(t *testing.T) {
	t.Parallel()
	l, now := laneNumber(1, 0), time.Now()
	visited := func(until time.Time, blocked bool) *board {
		b := newBoard()
		b.hear(l)
		e := b.next(now, 1)
		b.unblock(l)
		b.left(e, false, until, blocked)
		return b
	}
	require.Zero(t, visited(time.Time{}, false).known, "nothing is left in the lane: it is forgotten")
	later := now.Add(time.Minute)
	require.Equal(t, later, visited(later, false).alarm(), "it rests")
	require.NotNil(t, visited(later, true).next(now, 1), "who was in its way may have gone")
}

func TestStrangeLanesAreLeft(t *testing.T) {
	t.Parallel()
	b, now := newBoard(), time.Now()
	for tenant := range byte(4) {
		b.hear(laneNumber(tenant, 0))
	}
	require.Len(t, served(b, now, 2), 2) // of tenants 0 and 1
	mine := func(tenant event.ID) bool { return tenant[1]%2 == 0 }
	leave := b.disown(mine)
	require.Len(t, leave, 1)
	require.Equal(t, laneNumber(1, 0), leave[0].lane)
	b.hear(leave[0].lane)
	b.left(leave[0], true, time.Time{}, false)
	require.Equal(t, []event.OwnLane{laneNumber(2, 0)}, served(b, now, 2), "it is not served again, nor is that of tenant 3")
}

func TestBoardIsBounded(t *testing.T) {
	t.Parallel()
	b := newBoard()
	for n := range maxKnown + 10 {
		b.hear(event.OwnLane{Tenant: event.ID{byte(n), byte(n >> 8), byte(n >> 16)}})
	}
	require.Equal(t, maxKnown, b.known)
	require.Equal(t, maxKnown, b.turns.len)
}

// TestBoardProperties: whatever happens, no lane is served twice at a time, never
// more than the share begin, nothing that was heard of is lost, and every lane that
// waits has its turn.
func TestBoardProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b, now := newBoard(), time.Now()
		share := rapid.IntRange(1, 4).Draw(t, "share")
		serving := make(map[event.OwnLane]*entry)
		heard := make(map[event.OwnLane]bool) // and not served since
		lane := rapid.Custom(func(t *rapid.T) event.OwnLane {
			return laneNumber(rapid.ByteRange(0, 3).Draw(t, "tenant"), rapid.ByteRange(0, 3).Draw(t, "lane"))
		})
		begin := func() {
			for e := b.next(now, share); e != nil; e = b.next(now, share) {
				if serving[e.lane] != nil {
					t.Fatalf("%s is served twice", e.lane.Subject())
				}
				serving[e.lane] = e
				delete(heard, e.lane)
				e.leave = func(error) {}
			}
			if len(serving) > share {
				t.Fatalf("%d are served", len(serving))
			}
		}
		leave := func(e *entry, until time.Time) {
			delete(serving, e.lane)
			b.left(e, false, until, false)
		}
		t.Repeat(map[string]func(*rapid.T){
			"hear": func(t *rapid.T) {
				l := lane.Draw(t, "lane")
				b.hear(l)
				heard[l] = true
				begin()
			},
			"tell": func(t *rapid.T) {
				b.tell(lane.Draw(t, "lane"))
				begin()
			},
			"time goes by": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 5000).Draw(t, "ms")) * time.Millisecond)
				begin()
				for _, e := range b.overstayed(now, share) {
					leave(e, time.Time{})
				}
				begin()
			},
			"leave": func(t *rapid.T) {
				for _, e := range serving {
					until := time.Time{}
					if rapid.Bool().Draw(t, "rest") {
						until = now.Add(time.Second)
					}
					leave(e, until)
					break
				}
				begin()
			},
		})
		// In the end everybody has had his turn.
		for range 200 {
			now = now.Add(turnLasts)
			begin()
			for _, e := range b.overstayed(now, share) {
				leave(e, time.Time{})
			}
			for _, e := range serving {
				leave(e, time.Time{})
			}
		}
		begin()
		if len(heard) > 0 || b.known > 0 || b.turns.len > 0 || len(b.resting) > 0 {
			t.Fatalf("left over: %v, %d known, %d waiting, %d resting", heard, b.known, b.turns.len, len(b.resting))
		}
	})
}

func TestRendezvous(t *testing.T) {
	t.Parallel()
	require.Empty(t, ownerOf(event.NewID(), nil))
	const tenants = 10_000
	workers := []string{"a", "b", "c", "d"}
	moved, share := 0, make(map[string]int)
	for n := range tenants {
		id := event.ID{byte(n), byte(n >> 8)}
		before, after := ownerOf(id, workers), ownerOf(id, workers[:3])
		share[before]++
		if before != after {
			moved++
			require.Equal(t, "d", before, "only those of the worker that went change hands")
		}
	}
	require.Equal(t, share["d"], moved)
	for w, n := range share {
		require.InDelta(t, tenants/len(workers), n, tenants/20, "worker %s", w)
	}
}
