package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// target is the endpoint as the snapshot has it.
func (l *listener) target(t *testing.T, endpoint event.ID) (target store.Target, version int64) {
	t.Helper()
	snap, err := l.Snapshot(t.Context(), l.tenant.ID)
	require.NoError(t, err)
	for _, target := range snap.Targets {
		if target.ID == endpoint {
			return target, snap.Version
		}
	}
	require.Fail(t, "no such endpoint")
	return target, 0
}

// TestBreaker opens and closes a breaker, each twice.
func TestBreaker(t *testing.T) {
	t.Parallel()
	l := listen(t, store.CircuitOpened, store.CircuitClosed)
	e := testkit.Endpoint(t, l.Store, l.tenant.ID, "https://example.com", func(e *store.Endpoint) { e.UID = "hook" })
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	notice := func(kind, since string) []string {
		return []string{`{"type":"endpoint.circuit.` + kind + `","data":{"appId":"` + event.Tenant.Format(l.tenant.ID) + `","appUid":"acme",` +
			`"endpointId":"` + event.Endpoint.Format(e.ID) + `","endpointUid":"hook","openSince":"` + since + `"}}`}
	}
	open := func(at time.Time) error {
		return l.OpenBreaker(t.Context(), l.tenant.ID, e.ID, at, at.Add(5*time.Second))
	}
	closeIt := func() error { return l.CloseBreaker(t.Context(), l.tenant.ID, e.ID) }
	probe := func() error { return l.BreakerProbeFailed(t.Context(), e.ID, at.Add(time.Minute), 3) }
	_, before := l.target(t, e.ID)
	for _, step := range []struct {
		name  string
		do    func() error
		told  []string
		want  *store.Breaker
		known bool // to everybody
	}{
		{"closed already", closeIt, nil, nil, false},
		{"a probe of one that is closed", probe, nil, nil, false},
		{"opened", func() error { return open(at) }, notice("opened", "2026-11-21T12:00:00Z"), &store.Breaker{OpenedAt: at, NextProbeAt: at.Add(5 * time.Second)}, true},
		{"opened already", func() error { return open(at) }, nil, &store.Breaker{OpenedAt: at, NextProbeAt: at.Add(5 * time.Second)}, false},
		{"a probe", probe, nil, &store.Breaker{OpenedAt: at, NextProbeAt: at.Add(time.Minute), FailedProbes: 3}, false},
		{"an opening from before", func() error { return open(at.Add(-time.Hour)) }, nil, &store.Breaker{OpenedAt: at, NextProbeAt: at.Add(time.Minute), FailedProbes: 3}, false},
		{"a later opening", func() error { return open(at.Add(time.Microsecond)) }, nil, &store.Breaker{OpenedAt: at.Add(time.Microsecond), NextProbeAt: at.Add(5*time.Second + time.Microsecond)}, true},
		{"closed", closeIt, notice("closed", "2026-11-21T12:00:00.000001Z"), nil, true},
		{"closed again", closeIt, nil, nil, false},
	} {
		require.NoError(t, step.do(), step.name)
		require.Equal(t, step.told, l.told(t), step.name)
		target, after := l.target(t, e.ID)
		if got := target.Breaker; got != nil {
			got.OpenedAt, got.NextProbeAt = got.OpenedAt.UTC(), got.NextProbeAt.UTC()
		}
		require.Equal(t, step.want, target.Breaker, step.name)
		require.Equal(t, step.known, after > before, "%s: from version %d to %d", step.name, before, after)
		before = after
	}
}

// TestBreakerIsForgotten changes an endpoint whose breaker is open.
func TestBreakerIsForgotten(t *testing.T) {
	t.Parallel()
	edit := func(change func(*store.Endpoint)) func(*listener, event.ID) error {
		return func(l *listener, endpoint event.ID) error {
			_, err := l.ChangeEndpoint(t.Context(), l.tenant.ID, store.Ref{ID: endpoint}, func(e *store.Endpoint) error { change(e); return nil })
			return err
		}
	}
	disable := func(l *listener, endpoint event.ID) error {
		_, err := l.DisableEndpoint(t.Context(), l.tenant.ID, endpoint, store.DisabledFailing)
		return err
	}
	for name, test := range map[string]struct {
		change func(*listener, event.ID) error
		left   int
		told   []string
		active bool
	}{
		"another URL":    {edit(func(e *store.Endpoint) { e.URL += "/new" }), 0, []string{store.CircuitClosed}, true},
		"another limit":  {edit(func(e *store.Endpoint) { e.ThrottleRate = 1 }), 1, []string{}, true},
		"disabled":       {edit(func(e *store.Endpoint) { e.Disabled = true }), 0, []string{store.CircuitClosed}, false},
		"disabled by us": {disable, 0, []string{store.CircuitClosed}, false},
		"paused": {func(l *listener, endpoint event.ID) error {
			_, err := l.PauseEndpoint(t.Context(), l.tenant.ID, store.Ref{ID: endpoint}, true)
			return err
		}, 1, []string{}, true},
		"deleted": {func(l *listener, endpoint event.ID) error {
			return l.DeleteEndpoint(t.Context(), l.tenant.ID, store.Ref{ID: endpoint})
		}, 0, []string{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := listen(t, store.CircuitClosed)
			e := testkit.Endpoint(t, l.Store, l.tenant.ID, "https://example.com")
			open := func() { require.NoError(t, l.OpenBreaker(t.Context(), l.tenant.ID, e.ID, time.Now(), time.Now())) }
			count := func() int { return testkit.Value[int](t, l.url, `SELECT count(*) FROM endpoint_breakers`) }
			open()
			require.NoError(t, test.change(l, e.ID))
			require.Equal(t, test.left, count())
			require.Equal(t, test.told, l.types(t))
			open() // by a worker that has not heard of it yet
			require.Equal(t, test.active, count() == 1, "what is disabled or gone has no breaker")
		})
	}
}

// TestBreakerOfAnotherTenant names a tenant that the endpoint is not of.
func TestBreakerOfAnotherTenant(t *testing.T) {
	t.Parallel()
	l := listen(t)
	e := testkit.Endpoint(t, l.Store, l.tenant.ID, "https://example.com")
	other := testkit.Tenant(t, l.Store)
	require.NoError(t, l.OpenBreaker(t.Context(), other, e.ID, time.Now(), time.Now()))
	target, _ := l.target(t, e.ID)
	require.Nil(t, target.Breaker)
	require.NoError(t, l.OpenBreaker(t.Context(), l.tenant.ID, e.ID, time.Now(), time.Now()))
	require.NoError(t, l.CloseBreaker(t.Context(), other, e.ID))
	target, _ = l.target(t, e.ID)
	require.NotNil(t, target.Breaker)
}

// TestBreakersThatCross changes endpoints and their breakers at the same time, in
// all ways that there are: nobody may wait for another in a circle, and what is
// disabled in the end has no breaker.
func TestBreakersThatCross(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	s := testkit.Open(t, url)
	tenant := testkit.Tenant(t, s)
	endpoint := testkit.Endpoint(t, s, tenant, "https://example.com").ID
	change := func(change func(*store.Endpoint)) error {
		_, err := s.ChangeEndpoint(t.Context(), tenant, store.Ref{ID: endpoint}, func(e *store.Endpoint) error { change(e); return nil })
		return err
	}
	open := func() error { return s.OpenBreaker(t.Context(), tenant, endpoint, time.Now(), time.Now()) }
	for range 40 {
		require.NoError(t, change(func(e *store.Endpoint) { e.Disabled = false }))
		require.NoError(t, open())
		work := []func() error{
			open,
			func() error { return s.CloseBreaker(t.Context(), tenant, endpoint) },
			func() error { return s.BreakerProbeFailed(t.Context(), endpoint, time.Now(), 1) },
			func() error {
				_, err := s.DisableEndpoint(t.Context(), tenant, endpoint, store.DisabledFailing)
				return err
			},
			func() error { return change(func(e *store.Endpoint) { e.URL += "x" }) },
		}
		done := make(chan error)
		for _, do := range work {
			go func() { done <- do() }()
		}
		var errs []error
		for range work {
			errs = append(errs, <-done)
		}
		require.NoError(t, errors.Join(errs...))
		require.Zero(t, testkit.Value[int](t, url, `SELECT count(*) FROM endpoint_breakers`))
	}
}
