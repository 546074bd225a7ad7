package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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
	}

	earlier, err := s.EarlierByKey(t.Context(), tenant, "key")
	require.NoError(t, err)
	require.Equal(t, events[1].ID, earlier.Event)
	require.Equal(t, []byte("first"), earlier.Fingerprint)

	payload, err := s.Payload(t.Context(), tenant, events[0].ID)
	require.NoError(t, err)
	require.Equal(t, events[0].Payload, payload)
	_, err = s.Payload(t.Context(), tenant, events[2].ID)
	require.ErrorIs(t, err, store.ErrNotFound, "a refused event leaves nothing behind")
}

func TestAcceptSplitsBatches(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)
	events := make([]store.NewEvent, 5)
	for i := range events {
		events[i] = newEvent(tenant)
		events[i].Payload = []byte(fmt.Sprintf(`{"text":%q}`, make([]byte, 20)))
	}
	events[2].Payload = make([]byte, event.InlineLimit+1) // travels by reference and takes no room

	_, batches, err := s.Accept(t.Context(), events, 2*len(events[0].Payload))
	require.NoError(t, err)
	sizes := make([]int, 0, len(batches))
	for _, b := range batches {
		sizes = append(sizes, len(b.Events))
	}
	require.Equal(t, []int{3, 2}, sizes)
}

func TestSweep(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)
	_, published, err := s.Accept(t.Context(), []store.NewEvent{newEvent(tenant)}, 1<<20)
	require.NoError(t, err)
	lost := newEvent(tenant)
	_, forgotten, err := s.Accept(t.Context(), []store.NewEvent{lost}, 1<<20)
	require.NoError(t, err)
	require.NoError(t, s.MarkPublished(t.Context(), []event.ID{published[0].ID}))

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
	want.Version, want.Recheck = 1, true
	require.Equal(t, []event.Event{want}, swept[0].Events)

	n, err = s.Sweep(t.Context(), 0, 10, func(context.Context, []store.Batch) error { panic("none is left") })
	require.NoError(t, err)
	require.Zero(t, n)
}
