package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// newEvent returns an event that nothing keeps from being accepted.
func newEvent(tenant event.ID) store.NewEvent {
	return store.NewEvent{Event: event.Event{
		ID: event.NewID(), Tenant: tenant, Type: "invoice.paid", Channels: []string{"eu", "us"},
		Priority: event.High, Payload: []byte(`{"amount": 1}`),
	}}
}

func TestAccept(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)

	events := make([]store.NewEvent, 8)
	for i := range events {
		events[i] = newEvent(tenant)
	}
	events[1].IdempotencyKey, events[1].Fingerprint = "key", []byte("first")
	events[2].IdempotencyKey, events[2].Fingerprint = "key", []byte("second")
	events[3].UID = "order-1"
	events[4].UID = "order-1"
	events[5].Tenant = event.NewID() // nobody
	events[6].IdempotencyKey, events[6].UID = "other", "order-1"

	refusals, batches, err := s.Accept(t.Context(), events, 1<<20)
	require.NoError(t, err)
	require.Equal(t, []store.Refusal{
		store.Accepted, store.Accepted, store.KeyUsed, store.Accepted, store.UIDUsed, store.NoTenant, store.UIDUsed, store.Accepted,
	}, refusals)
	require.Len(t, batches, 1)
	require.Len(t, batches[0].Events, 4)
	for _, e := range batches[0].Events {
		require.Equal(t, int64(1), e.Version, "the tenant has never changed")
		require.Equal(t, batches[0].Events[0].Tx, e.Tx, "one transaction for all")
	}
	_, later, err := s.Accept(t.Context(), []store.NewEvent{newEvent(tenant)}, 1<<20)
	require.NoError(t, err)
	require.Greater(t, later[0].Events[0].Tx, batches[0].Events[0].Tx)
	require.NotZero(t, batches[0].Events[0].Tx)

	earlier, err := s.EarlierByKeys(t.Context(), tenant, []string{"key", "other", "never"})
	require.NoError(t, err)
	require.Equal(t, map[string]store.Earlier{
		"key":   {Event: events[1].ID, Fingerprint: []byte("first"), Stored: true},
		"other": {Event: events[6].ID},
	}, earlier)

	payload, err := s.Payload(t.Context(), tenant, events[0].ID)
	require.NoError(t, err)
	require.Equal(t, events[0].Payload, payload)
	_, err = s.Payload(t.Context(), tenant, events[2].ID)
	require.ErrorIs(t, err, store.ErrNotFound, "a refused event leaves nothing behind")
}

// TestAcceptSplitsBatches measures the messages that batches make: one that the
// stream refuses for its size would never be delivered, and hold up the sweeper.
func TestAcceptSplitsBatches(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)
	const limit = 10_000
	events := make([]store.NewEvent, 60)
	for i := range events {
		events[i] = newEvent(tenant)
		switch i % 3 {
		case 0: // a small payload with as much as can be around it
			events[i].Type = strings.Repeat("t", 256)
			events[i].Channels = slices.Repeat([]string{strings.Repeat("c", 256)}, 5)
		case 1:
			events[i].Payload = bytes.Repeat([]byte("p"), 3000)
		case 2: // travels by reference
			events[i].Payload = make([]byte, event.InlineLimit+1)
		}
	}
	_, batches, err := s.Accept(t.Context(), events, limit)
	require.NoError(t, err)
	require.Greater(t, len(batches), 10)
	require.Less(t, len(batches), 20, "and they are not smaller than need be")
	var got []event.ID
	for _, b := range batches {
		var message []byte
		for _, e := range b.Events {
			got = append(got, e.ID)
			e.Version, e.Tx, e.Recheck = math.MaxInt64, math.MaxUint64, true // as long as it gets
			if len(e.Payload) > event.InlineLimit {
				e.Payload, e.Referred = nil, true
			}
			message, err = e.Append(message)
			require.NoError(t, err)
		}
		require.LessOrEqual(t, len(message), limit)
	}
	want := make([]event.ID, len(events))
	for i := range events {
		want[i] = events[i].ID
	}
	require.Equal(t, want, got)
}

// TestAcceptHonoursYesterdaysKeys writes what an event of yesterday left behind.
func TestAcceptHonoursYesterdaysKeys(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	s := testkit.Open(t, url)
	tenant := testkit.Tenant(t, s)
	yesterday, before := event.FloorID(time.Now().Add(-day)), event.FloorID(time.Now().Add(-2*day))
	testkit.Partition(t, testkit.SQL(t, url), "event_keys", before.Time().Truncate(day))
	conn := testkit.SQL(t, url)
	for _, row := range []struct {
		id    event.ID
		scope int
		key   string
	}{{yesterday, 0, "key"}, {yesterday, 1, "uid"}, {before, 0, "expired"}, {before, 1, "expired"}} {
		_, err := conn.Exec(t.Context(), `INSERT INTO event_keys (day, tenant_id, scope, key, event_id) VALUES ($1, $2, $3, $4, $5)`,
			row.id.Time().Truncate(day), [16]byte(tenant), row.scope, row.key, [16]byte(row.id))
		require.NoError(t, err)
	}
	events := make([]store.NewEvent, 5)
	for i := range events {
		events[i] = newEvent(tenant)
	}
	events[0].IdempotencyKey = "key"
	events[1].UID = "uid"
	events[2].IdempotencyKey, events[2].UID = "uid", "key" // one is no other
	events[3].IdempotencyKey, events[3].UID = "expired", "expired"
	refusals, _, err := s.Accept(t.Context(), events, 1<<20)
	require.NoError(t, err)
	require.Equal(t, []store.Refusal{store.KeyUsed, store.UIDUsed, store.Accepted, store.Accepted, store.Accepted}, refusals)

	earlier, err := s.EarlierByKeys(t.Context(), tenant, []string{"key", "expired", "never used"})
	require.NoError(t, err)
	require.Len(t, earlier, 2)
	require.Equal(t, yesterday, earlier["key"].Event)
	require.Equal(t, events[3].ID, earlier["expired"].Event)
}

// TestAcceptClaimsKeysOnce has many groups claim the same keys at the same time.
func TestAcceptClaimsKeysOnce(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)
	const groups, keys = 6, 40
	accepted := make([]atomic.Int32, keys)
	work, ctx := errgroup.WithContext(t.Context())
	for g := range groups {
		work.Go(func() error {
			events := make([]store.NewEvent, keys)
			for i := range events {
				events[i] = newEvent(tenant)
				events[i].IdempotencyKey = fmt.Sprint("key", (i*(2*g+1)+g)%keys) // every group in an order of its own
			}
			refusals, _, err := s.Accept(ctx, events, 1<<20)
			for i := range refusals {
				if refusals[i] == store.Accepted {
					accepted[(i*(2*g+1)+g)%keys].Add(1)
				}
			}
			return err
		})
	}
	require.NoError(t, work.Wait())
	for i := range accepted {
		require.EqualValues(t, 1, accepted[i].Load(), "key %d", i)
	}
}

// TestLargePayloadsStay: what is too large to travel, or was removed, is referred
// to, whichever way an event takes out of the database.
func TestLargePayloadsStay(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant, endpoint := testkit.Tenant(t, s), event.NewID()
	var events []store.NewEvent
	var letters []store.DeadLetter
	for _, size := range []int{10, event.InlineLimit, event.InlineLimit + 1, 11} {
		e := newEvent(tenant)
		e.Payload = bytes.Repeat([]byte("x"), size)
		events = append(events, e)
		letters = append(letters, store.DeadLetter{Tenant: tenant, Endpoint: endpoint, Event: e.ID, Reason: "timeout", Attempts: 1})
	}
	require.NoError(t, s.RecordDeadLetters(t.Context(), letters))
	requireLeft := func(got []event.Event, left ...int) {
		t.Helper()
		for i, e := range got {
			require.Equal(t, slices.Contains(left, i), e.Referred, "event %d", i)
			if e.Referred {
				require.Empty(t, e.Payload)
			} else {
				require.Equal(t, events[i].Payload, e.Payload)
			}
		}
	}

	_, batches, err := s.Accept(t.Context(), events, 1<<20)
	require.NoError(t, err)
	require.Len(t, batches, 1)
	require.Len(t, batches[0].Events, len(events))
	requireLeft(batches[0].Events, 2)
	require.Len(t, events[2].Payload, event.InlineLimit+1, "the caller's is as it was")

	task := store.Task{ID: event.NewID(), Tenant: tenant, Kind: store.TaskRedrive, Endpoint: endpoint}
	require.NoError(t, s.CreateTask(t.Context(), &task))
	var got []event.Event
	_, err = s.AdvanceTask(t.Context(), task.ID, 10, func(_ context.Context, selected []store.Selected) error {
		require.Len(t, selected, len(events))
		for i := range selected {
			got = append(got, selected[i].Event)
		}
		return nil
	})
	require.NoError(t, err)
	requireLeft(got, 2)

	require.NoError(t, s.ExpungeEvent(t.Context(), tenant, events[3].ID))
	_, err = s.Sweep(t.Context(), 0, 10, func(_ context.Context, batches []store.Batch) error {
		require.Len(t, batches[0].Events, len(events))
		requireLeft(batches[0].Events, 2, 3)
		return nil
	})
	require.NoError(t, err)
}

// TestMarkPublished: what is marked late was published when it was, of each batch.
func TestMarkPublished(t *testing.T) {
	t.Parallel()
	database := testkit.Database(t)
	s := testkit.Open(t, database)
	tenant := testkit.Tenant(t, s)
	var marks []store.Published
	for i := range 3 {
		_, batches, err := s.Accept(t.Context(), []store.NewEvent{newEvent(tenant)}, 1<<20)
		require.NoError(t, err)
		marks = append(marks, store.Published{Batch: batches[0].ID, Ago: time.Duration(i) * time.Hour})
	}
	require.NoError(t, s.MarkPublished(t.Context(), []store.Published{marks[2], marks[0], marks[1]}))
	require.Equal(t, "{0,1,2}", testkit.Value[string](t, database, `
		SELECT array_agg(floor(extract(epoch FROM now() - published_at) / 3600)::int ORDER BY id)::text FROM batches`))
}

func TestSweep(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)
	_, published, err := s.Accept(t.Context(), []store.NewEvent{newEvent(tenant)}, 1<<20)
	require.NoError(t, err)
	lost := newEvent(tenant)
	lost.Trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	_, forgotten, err := s.Accept(t.Context(), []store.NewEvent{lost}, 1<<20)
	require.NoError(t, err)
	require.NoError(t, s.MarkPublished(t.Context(), []store.Published{{Batch: published[0].ID}}))

	waiting, oldest, err := s.Unpublished(t.Context())
	require.NoError(t, err)
	require.Equal(t, []any{1, forgotten[0].ID.Time()}, []any{waiting, oldest})

	n, err := s.Sweep(t.Context(), time.Hour, 10, func(context.Context, []store.Batch) error { panic("too young") })
	require.NoError(t, err)
	require.Zero(t, n)

	away := errors.New("NATS is away")
	_, err = s.Sweep(t.Context(), 0, 10, func(context.Context, []store.Batch) error { return away })
	require.ErrorIs(t, err, away, "and the batch stays in the outbox")

	var swept []store.Batch
	n, err = s.Sweep(t.Context(), 0, 10, func(_ context.Context, batches []store.Batch) error {
		swept = batches
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, forgotten[0].ID, swept[0].ID, "the same message id as the first time")
	want := lost.Event
	want.Version, want.Tx, want.Recheck = 1, forgotten[0].Events[0].Tx, true
	require.Equal(t, []event.Event{want}, swept[0].Events)
	waiting, oldest, err = s.Unpublished(t.Context())
	require.NoError(t, err)
	require.Equal(t, []any{0, time.Time{}}, []any{waiting, oldest})

	n, err = s.Sweep(t.Context(), 0, 10, func(context.Context, []store.Batch) error { panic("none is left") })
	require.NoError(t, err)
	require.Zero(t, n)
}
