package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// record stores attempts of the endpoint in one group and returns since when the
// last of them says it has been failing.
func record(t *testing.T, s *store.Store, e *store.Endpoint, outcomes ...string) time.Time {
	t.Helper()
	group := make([]store.Attempt, len(outcomes))
	for i, outcome := range outcomes {
		group[i] = attemptOf(&event.Delivery{Event: event.NewID(), Tenant: e.Tenant, Endpoint: e.ID, Attempt: 1}, outcome)
		group[i].Failing = outcome == "rejected"
	}
	require.NoError(t, s.RecordAttempts(t.Context(), group))
	return group[len(group)-1].FailingSince
}

// TestFailingSince follows an endpoint through failures and successes.
func TestFailingSince(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)
	e, other := testkit.Endpoint(t, s, tenant, "https://example.com/"), testkit.Endpoint(t, s, tenant, "https://example.com/")
	before, err := s.Snapshot(t.Context(), tenant)
	require.NoError(t, err)

	began := time.Now()
	require.Zero(t, record(t, s, e, "rejected", "rejected"), "these are the first")
	since := record(t, s, e, "rejected")
	require.WithinRange(t, since, began.Add(-time.Second), time.Now())
	require.True(t, since.Equal(record(t, s, e, "blocked_address", "rejected")), "the first counts")
	require.Zero(t, record(t, s, e, "blocked_address"), "it says nothing of the endpoint")
	record(t, s, other, "success")
	require.True(t, since.Equal(record(t, s, e, "rejected")), "another endpoint's success")

	record(t, s, e, "rejected", "success", "rejected")
	require.Zero(t, record(t, s, e, "rejected"), "there was a success among them")
	require.False(t, record(t, s, e, "rejected").IsZero())

	after, err := s.Snapshot(t.Context(), tenant)
	require.NoError(t, err)
	require.Equal(t, before.Version, after.Version, "nobody has to read the tenant again for it")
}

// TestFailingGroupsThatCross records successes and failures of the same endpoints
// in groups of opposite order, at the same time.
func TestFailingGroupsThatCross(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	endpoints := []event.ID{event.NewID(), event.NewID(), event.NewID(), event.NewID()}
	failed := make(chan error)
	const workers = 4
	for worker := range workers {
		go func() {
			for round := range 50 {
				group := make([]store.Attempt, len(endpoints))
				for i := range group {
					at := endpoints[(i*(1+2*(worker%2))+round)%len(endpoints)]
					group[i] = attemptOf(&event.Delivery{Event: event.NewID(), Endpoint: at, Attempt: 1}, []string{"success", "rejected"}[(i+round+worker)%2])
					group[i].Failing = group[i].Outcome != "success"
				}
				if err := s.RecordAttempts(t.Context(), group); err != nil {
					failed <- err
					return
				}
			}
			failed <- nil
		}()
	}
	for range workers {
		require.NoError(t, <-failed)
	}
}

// TestDisabledFor follows why an endpoint is disabled.
func TestDisabledFor(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)
	e := testkit.Endpoint(t, s, tenant, "https://example.com/")
	ref := store.Ref{ID: e.ID}
	change := func(disabled bool) *store.Endpoint {
		t.Helper()
		changed, err := s.ChangeEndpoint(t.Context(), tenant, ref, func(e *store.Endpoint) error {
			*e = store.Endpoint{ID: e.ID, Tenant: e.Tenant, URL: e.URL, Disabled: disabled}
			return nil
		})
		require.NoError(t, err)
		return changed
	}
	read := func() *store.Endpoint {
		t.Helper()
		e, err := s.Endpoint(t.Context(), tenant, ref)
		require.NoError(t, err)
		return e
	}
	began := time.Now()
	record(t, s, e, "rejected")
	for _, reason := range []string{store.DisabledFailing, store.DisabledGone} {
		disabled, err := s.DisableEndpoint(t.Context(), tenant, e.ID, reason)
		require.NoError(t, err)
		require.Equal(t, reason == store.DisabledFailing, disabled, "only once")
	}
	disabled := read()
	require.True(t, disabled.Disabled)
	require.Equal(t, store.DisabledFailing, disabled.DisabledReason, "the first reason stays")
	require.WithinRange(t, disabled.DisabledAt, began.Add(-time.Minute), time.Now().Add(time.Minute))

	kept := change(true)
	require.Equal(t, store.DisabledFailing, kept.DisabledReason)
	require.Equal(t, disabled.DisabledAt, kept.DisabledAt)

	enabled := change(false)
	require.Empty(t, enabled.DisabledReason)
	require.Zero(t, enabled.DisabledAt)
	require.Zero(t, record(t, s, e, "rejected"), "the clock begins anew")

	own := change(true)
	require.Empty(t, own.DisabledReason)
	require.False(t, own.DisabledAt.IsZero())
	require.Equal(t, own.DisabledAt, read().DisabledAt)
}
