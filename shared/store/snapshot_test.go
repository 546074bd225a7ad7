package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/signature"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

func TestSnapshot(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	s := testkit.Open(t, url)
	tenant := testkit.Tenant(t, s)
	_, err := s.Snapshot(t.Context(), event.NewID())
	require.ErrorIs(t, err, store.ErrNotFound)
	empty, err := s.Snapshot(t.Context(), tenant)
	require.NoError(t, err)
	require.Equal(t, &store.Snapshot{Tenant: tenant, Version: 1, Weight: 1, Targets: []store.Target{}}, empty)

	plain := testkit.Endpoint(t, s, tenant, "https://example.com/plain")
	full := testkit.Endpoint(t, s, tenant, "https://example.com/full", func(e *store.Endpoint) {
		e.EventTypes, e.Channels = []string{"invoice.paid"}, []string{"eu"}
		e.Headers, e.Disabled = secret.HideAll(map[string]string{"x-key": "value"}), true
	})
	deleted := testkit.Endpoint(t, s, tenant, "https://example.com/deleted")
	require.NoError(t, s.DeleteEndpoint(t.Context(), tenant, store.Ref{ID: deleted.ID}))
	testkit.Endpoint(t, s, testkit.Tenant(t, s), "https://example.com/other")

	first, err := s.CurrentKey(t.Context(), tenant, plain.ID)
	require.NoError(t, err)
	second, third := signature.GenerateKey(), signature.GenerateKey()
	require.NoError(t, s.RotateKey(t.Context(), tenant, plain.ID, second, time.Hour))
	require.NoError(t, s.RotateKey(t.Context(), tenant, plain.ID, third, 2*time.Hour))
	_, err = testkit.SQL(t, url).Exec(t.Context(), `
		INSERT INTO endpoint_secrets (id, tenant_id, endpoint_id, secret, expires_at)
		VALUES (gen_random_uuid(), $1, $2, 'whsec_expired', now() - interval '1 second')`, [16]byte(tenant), [16]byte(plain.ID))
	require.NoError(t, err)

	snap, err := s.Snapshot(t.Context(), tenant)
	require.NoError(t, err)
	require.Greater(t, snap.Version, empty.Version)
	require.Len(t, snap.Targets, 2, "those of this tenant that are not deleted")
	got := snap.Targets[0]
	require.Equal(t, plain.ID, got.ID)
	require.Nil(t, got.EventTypes)
	require.Nil(t, got.Channels)
	require.False(t, got.Disabled)
	opened, err := got.Sealed.Open()
	require.NoError(t, err)
	var keys []string
	for _, k := range opened.Keys {
		keys = append(keys, k.Reveal())
	}
	require.Equal(t, []string{third.Reveal(), second.Reveal(), first.Reveal()}, keys, "the current one first, none that has expired")
	require.Zero(t, opened.Keys[0].ExpiresAt)
	require.WithinDuration(t, time.Now().Add(2*time.Hour), opened.Keys[1].ExpiresAt, time.Minute)

	got = snap.Targets[1]
	require.Equal(t, full.ID, got.ID)
	require.Equal(t, "https://example.com/full", got.URL)
	require.Equal(t, []string{"invoice.paid"}, got.EventTypes)
	require.Equal(t, []string{"eu"}, got.Channels)
	opened, err = got.Sealed.Open()
	require.NoError(t, err)
	require.Equal(t, map[string]string{"x-key": "value"}, secret.RevealAll(opened.Headers))
	require.True(t, got.Disabled)

	require.NoError(t, s.DeleteTenant(t.Context(), store.Ref{ID: tenant}))
	_, err = s.Snapshot(t.Context(), tenant)
	require.ErrorIs(t, err, store.ErrNotFound)
}

// TestSnapshotLimits reads what bounds the deliveries to endpoints.
func TestSnapshotLimits(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := store.Tenant{ID: event.NewID(), Name: "a", ThrottleRate: 7}
	require.NoError(t, s.CreateTenant(t.Context(), &tenant))
	ref := store.Ref{ID: tenant.ID}
	testkit.Endpoint(t, s, tenant.ID, "https://example.com")
	paused := testkit.Endpoint(t, s, tenant.ID, "https://example.com", func(e *store.Endpoint) {
		e.ThrottleRate, e.Ordered, e.OrderedPolicy = 5, true, store.OrderedSkip
	})
	_, err := s.PauseEndpoint(t.Context(), tenant.ID, store.Ref{ID: paused.ID}, true)
	require.NoError(t, err)
	look := func() *store.Snapshot {
		snap, err := s.Snapshot(t.Context(), tenant.ID)
		require.NoError(t, err)
		return snap
	}

	snap := look()
	require.Equal(t, 7, snap.ThrottleRate)
	require.False(t, snap.Paused)
	for i, want := range []store.Target{
		{OrderedPolicy: store.OrderedBlock},
		{OrderedPolicy: store.OrderedSkip, Ordered: true, ThrottleRate: 5, Paused: true},
	} {
		got := snap.Targets[i]
		require.Equal(t, want, store.Target{OrderedPolicy: got.OrderedPolicy, Ordered: got.Ordered, ThrottleRate: got.ThrottleRate, Paused: got.Paused})
	}

	for _, pause := range []bool{true, false} {
		changed, err := s.PauseTenant(t.Context(), ref, pause)
		require.NoError(t, err)
		require.Equal(t, pause, changed.Paused)
		before := snap.Version
		snap = look()
		require.Greater(t, snap.Version, before)
		require.Equal(t, []bool{pause, pause, true}, []bool{snap.Paused, snap.Targets[0].Paused, snap.Targets[1].Paused})
		changed, err = s.ChangeTenant(t.Context(), ref, func(t *store.Tenant) error { *t = store.Tenant{ID: t.ID, Name: "b"}; return nil })
		require.NoError(t, err)
		require.Equal(t, pause, changed.Paused, "it is not for that to change")
	}
	_, err = s.PauseTenant(t.Context(), store.Ref{UID: "nobody"}, true)
	require.ErrorIs(t, err, store.ErrNotFound)
}

// TestVersionGrows holds that no change of a tenant goes without a new version.
func TestVersionGrows(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)
	e := testkit.Endpoint(t, s, tenant, "https://example.com")
	ref := store.Ref{ID: e.ID}
	version := func() int64 {
		events := []store.NewEvent{newEvent(tenant)}
		_, batches, err := s.Accept(t.Context(), events, 1<<20)
		require.NoError(t, err)
		require.Equal(t, events[0].Version, batches[0].Events[0].Version)
		snap, err := s.Snapshot(t.Context(), tenant)
		require.NoError(t, err)
		require.Equal(t, snap.Version, events[0].Version, "an event is stamped with the version of its commit")
		return snap.Version
	}
	before := version()
	for name, change := range map[string]func() error{
		"endpoint changes": func() error {
			_, err := s.ChangeEndpoint(t.Context(), tenant, ref, func(e *store.Endpoint) error { e.URL += "/"; return nil })
			return err
		},
		"endpoint is new": func() error { testkit.Endpoint(t, s, tenant, "https://example.com/2"); return nil },
		"key is rotated": func() error {
			return s.RotateKey(t.Context(), tenant, e.ID, signature.GenerateKey(), time.Hour)
		},
		"tenant changes": func() error {
			_, err := s.ChangeTenant(t.Context(), store.Ref{ID: tenant}, func(c *store.Tenant) error { c.Name += "!"; return nil })
			return err
		},
		"endpoint is gone": func() error {
			_, err := s.DisableEndpoint(t.Context(), tenant, e.ID, store.DisabledGone)
			return err
		},
	} {
		require.NoError(t, change(), name)
		after := version()
		require.Greater(t, after, before, name)
		before = after
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	s := testkit.Open(t, url)
	quiet, tenant := testkit.Tenant(t, s), testkit.Tenant(t, s)

	// Deep enough that the watcher never waits for the test.
	resets, changes, types := make(chan struct{}, 100), make(chan event.ID, 100), make(chan struct{}, 100)
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	watch := func() {
		ended <- s.Watch(ctx, store.Watcher{
			Reset:      func() { resets <- struct{}{} },
			Tenant:     func(id event.ID) { changes <- id },
			EventTypes: func() { types <- struct{}{} },
		})
	}
	go watch()
	await(t, resets)
	require.Empty(t, changes)
	told := func(of string) {
		select {
		case id := <-changes:
			require.Equal(t, tenant, id, of)
		case <-testkit.Context(t).Done():
			t.Fatalf("nothing was told of a change: %s", of)
		}
	}
	testkit.Endpoint(t, s, tenant, "https://example.com")
	told("endpoint")
	require.NoError(t, s.DeleteTenant(t.Context(), store.Ref{ID: tenant}))
	told("tenant")
	require.NotContains(t, drain(changes), quiet)
	require.Empty(t, types)
	require.NoError(t, s.CreateEventType(t.Context(), &store.EventType{Name: "paid"}))
	await(t, types)

	testkit.Value[bool](t, url, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`)
	require.Error(t, await(t, ended), "the caller is told that it does not see changes any more")
	require.NoError(t, ctx.Err())
	go watch()
	await(t, resets)
	cancel()
	require.ErrorIs(t, await(t, ended), context.Canceled)
}

// await receives what is about to come.
func await[T any](t *testing.T, from <-chan T) (value T) {
	t.Helper()
	select {
	case value = <-from:
	case <-testkit.Context(t).Done():
		t.Fatal("nothing has come")
	}
	return value
}

func drain(ids chan event.ID) (all []event.ID) {
	for len(ids) > 0 {
		all = append(all, <-ids)
	}
	return all
}
