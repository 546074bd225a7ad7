package store_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// poller reads all that there is, in pages, and remembers where it was. What it
// carries from page to page are bytes, as clients do.
type poller struct {
	store  *store.Store
	tenant event.ID
	filter store.EventFilter
	at     store.Position
	pages  int
}

func (p *poller) poll(t *testing.T, limit int) []event.ID {
	t.Helper()
	var ids []event.ID
	for done := false; !done; p.pages++ {
		var at store.Position
		if p.pages > 0 {
			require.NoError(t, at.UnmarshalBinary(bytesOf(t, p.at)))
		}
		page, err := p.store.Poll(t.Context(), p.tenant, at, p.filter, limit)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page.Events), limit)
		for i := range page.Events {
			ids = append(ids, page.Events[i].ID)
		}
		p.at, done = page.Next, page.Done
	}
	return ids
}

func acceptAll(t *testing.T, s *store.Store, events ...store.NewEvent) {
	t.Helper()
	_, _, err := s.Accept(t.Context(), events, 1<<20)
	require.NoError(t, err)
}

// TestPoll reads everything that everybody may want, in the order of ids.
func TestPoll(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)
	now := time.Now()
	var made []event.ID // oldest first
	for _, hours := range []int{15, 14, 13, 1, 0, 0, 0} {
		e := newEvent(tenant)
		e.ID = event.FloorID(now.Add(-time.Duration(hours)*time.Hour + time.Duration(len(made))*time.Second))
		e.ID[15]++
		acceptAll(t, s, e)
		made = append(made, e.ID)
	}
	alone, other := newEvent(tenant), newEvent(testkit.Tenant(t, s))
	alone.Endpoint = event.NewID()
	acceptAll(t, s, alone, other)
	later := newEvent(tenant)
	later.DeliverAt, later.Channels, later.Type = now.Add(time.Hour), []string{"rare"}, "rare"
	acceptAll(t, s, later)
	made = append(made, later.ID)
	slices.SortFunc(made, func(a, b event.ID) int { return strings.Compare(string(a[:]), string(b[:])) })

	for limit := 1; limit <= len(made)+1; limit++ {
		p := poller{store: s, tenant: tenant}
		require.Equal(t, made, p.poll(t, limit), "in pages of %d", limit)
		pages := (len(made) + limit - 1) / limit
		if pages > 1 {
			pages++ // more might have come meanwhile
		}
		require.Equal(t, pages, p.pages)
		require.Empty(t, p.poll(t, limit))
	}
	for _, f := range []store.EventFilter{{Types: []string{"rare"}}, {Channel: "rare"}} {
		p := poller{store: s, tenant: tenant, filter: f}
		require.Equal(t, []event.ID{later.ID}, p.poll(t, 10))
	}
	p := poller{store: s, tenant: tenant, at: store.PositionAt(made[3].Time()), pages: 1}
	require.Equal(t, made[3:], p.poll(t, 2), "from a time on")
	p = poller{store: s, tenant: tenant, at: store.PositionAt(now.Add(time.Hour)), pages: 1}
	require.Empty(t, p.poll(t, 2))
	acceptAll(t, s, newEvent(tenant))
	require.Empty(t, p.poll(t, 2), "the time has still not come")
}

// TestPollSeesLateCommits has a transaction commit after another that began later.
func TestPollSeesLateCommits(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)
	late, early, last := newEvent(tenant), newEvent(tenant), newEvent(tenant)
	p := poller{store: s, tenant: tenant}
	require.NoError(t, s.Within(t.Context(), func(held *store.Store) error {
		acceptAll(t, held, late)
		acceptAll(t, s, early)
		require.Equal(t, []event.ID{early.ID}, p.poll(t, 10), "what is committed is not held up")
		require.Empty(t, p.poll(t, 10))
		return nil
	}))
	acceptAll(t, s, last)
	require.Equal(t, []event.ID{late.ID, last.ID}, p.poll(t, 10))
	require.Empty(t, p.poll(t, 10))
}

// TestPollDoesNotLookBack: reading on costs what has come and the slack, however
// long the list is.
func TestPollDoesNotLookBack(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)
	old := newEvent(tenant)
	old.ID = event.FloorID(time.Now().Add(-store.PollSlack - time.Minute))
	p := poller{store: s, tenant: tenant}
	require.Empty(t, p.poll(t, 1))
	acceptAll(t, s, old) // which the writer of ingest does not do
	fresh := newEvent(tenant)
	fresh.ID = event.FloorID(time.Now().Add(-store.PollSlack + time.Minute/2))
	acceptAll(t, s, fresh)
	require.Equal(t, []event.ID{fresh.ID}, p.poll(t, 1))
}

// TestPollSeesEachOnce has many write, each transaction open for a time of its
// own, while one reads in small pages.
func TestPollSeesEachOnce(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)
	const writers, groups = 8, 40
	made := make([][]event.ID, writers)
	work, ctx := errgroup.WithContext(t.Context())
	for w := range writers {
		work.Go(func() error {
			for range groups {
				events := make([]store.NewEvent, 1+rand.IntN(4))
				for i := range events {
					events[i] = newEvent(tenant)
					made[w] = append(made[w], events[i].ID)
				}
				if err := acceptSlowly(ctx, s, events); err != nil {
					return err
				}
			}
			return nil
		})
	}
	finished := make(chan error, 1)
	go func() { finished <- work.Wait() }()
	p := poller{store: s, tenant: tenant}
	seen := make(map[event.ID]int)
	read := func() {
		for _, id := range p.poll(t, 7) {
			seen[id]++
		}
	}
	for writing := true; writing; {
		select {
		case err := <-finished:
			require.NoError(t, err)
			writing = false
		default:
			read()
		}
	}
	read()
	want := slices.Concat(made...)
	require.Len(t, seen, len(want))
	for _, id := range want {
		require.Equal(t, 1, seen[id])
	}
	again := poller{store: s, tenant: tenant}
	require.ElementsMatch(t, want, again.poll(t, 250), "from the beginning")
}

// acceptSlowly leaves the transaction open while it does other things.
func acceptSlowly(ctx context.Context, s *store.Store, events []store.NewEvent) error {
	return s.Within(ctx, func(s *store.Store) error {
		_, _, err := s.Accept(ctx, events, 1<<20)
		for range rand.IntN(10) {
			_, _, _ = s.Events(ctx, events[0].Tenant, store.PostedFilter{}, store.Page[event.ID]{Limit: 5}, false)
		}
		return err
	})
}

// TestPositionBytes: what is no position is refused, and never more than that.
func TestPositionBytes(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)
	acceptAll(t, s, newEvent(tenant), newEvent(tenant))
	page, err := s.Poll(t.Context(), tenant, store.Position{}, store.EventFilter{}, 1)
	require.NoError(t, err)
	good := bytesOf(t, page.Next)
	var p store.Position
	for n := range good {
		require.Error(t, p.UnmarshalBinary(good[:n]), "cut after %d bytes", n)
	}
	require.Error(t, p.UnmarshalBinary(append(slices.Clone(good), 0)))
	for i := range good {
		for _, value := range []byte{0, 1, 127, 128, 255} {
			bad := slices.Clone(good)
			bad[i] = value
			if p.UnmarshalBinary(bad) == nil {
				_, err := s.Poll(t.Context(), tenant, p, store.EventFilter{}, 1)
				require.True(t, err == nil || store.BadValue(err), "%v", err)
			}
		}
	}
}

func bytesOf(t *testing.T, p store.Position) []byte {
	t.Helper()
	raw, err := p.MarshalBinary()
	require.NoError(t, err)
	return raw
}

// TestConsumers keep their positions until they have not moved for long.
func TestConsumers(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	c := store.Consumer{Tenant: testkit.Tenant(t, s), Sink: "sink", ID: "consumer"}
	_, err := s.ConsumerPosition(t.Context(), c)
	require.ErrorIs(t, err, store.ErrNotFound)
	for _, at := range []store.Position{store.PositionAt(time.Now()), store.PositionAt(time.Now().Add(-time.Hour))} {
		for range 2 {
			require.NoError(t, s.MoveConsumer(t.Context(), c, at))
			got, err := s.ConsumerPosition(t.Context(), c)
			require.NoError(t, err)
			require.Equal(t, bytesOf(t, at), bytesOf(t, got))
		}
	}
	for _, other := range []store.Consumer{{Tenant: testkit.Tenant(t, s), Sink: c.Sink, ID: c.ID}, {Tenant: c.Tenant, Sink: "other", ID: c.ID}, {Tenant: c.Tenant, Sink: c.Sink, ID: "other"}} {
		_, err := s.ConsumerPosition(t.Context(), other)
		require.ErrorIs(t, err, store.ErrNotFound)
	}
	require.NoError(t, s.DropConsumers(t.Context(), time.Now().Add(-time.Hour)))
	_, err = s.ConsumerPosition(t.Context(), c)
	require.NoError(t, err)
	require.NoError(t, s.DropConsumers(t.Context(), time.Now().Add(time.Hour)))
	_, err = s.ConsumerPosition(t.Context(), c)
	require.ErrorIs(t, err, store.ErrNotFound)
}
