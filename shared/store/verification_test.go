package store_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// asker has endpoints of one tenant verified.
type asker struct {
	*store.Store

	t        *testing.T
	database string
	tenant   event.ID
}

func newAsker(t *testing.T) *asker {
	t.Helper()
	url := testkit.Database(t)
	s := testkit.Open(t, url)
	return &asker{s, t, url, testkit.Tenant(t, s)}
}

func (a *asker) endpoint() event.ID {
	a.t.Helper()
	return testkit.Endpoint(a.t, a.Store, a.tenant, "https://example.com/hook", func(e *store.Endpoint) { e.Verify = true }).ID
}

// begin has an endpoint asked and returns the challenge; zero when it is asked already.
func (a *asker) begin(endpoint event.ID) event.ID {
	a.t.Helper()
	asked, batches, err := a.BeginVerification(a.t.Context(), a.tenant, store.Ref{ID: endpoint})
	require.NoError(a.t, err)
	if len(batches) == 0 {
		return event.ID{}
	}
	require.Equal(a.t, asked.Verification.Challenge, batches[0].Events[0].ID)
	return asked.Verification.Challenge
}

// refused is for how long the endpoint is not asked.
func (a *asker) refused(endpoint event.ID) time.Duration {
	a.t.Helper()
	_, _, err := a.BeginVerification(a.t.Context(), a.tenant, store.Ref{ID: endpoint})
	tooSoon, ok := errors.AsType[*store.TooSoonError](err)
	require.True(a.t, ok, "%v", err)
	return tooSoon.Wait
}

func (a *asker) end(endpoint, challenge event.ID, failure string) {
	a.t.Helper()
	require.NoError(a.t, a.EndVerification(a.t.Context(), a.tenant, endpoint, challenge, failure))
}

// now is what an endpoint shows, and whether its deliveries wait.
func (a *asker) now(endpoint event.ID) (v store.Verification, waits bool) {
	a.t.Helper()
	e, err := a.Endpoint(a.t.Context(), a.tenant, store.Ref{ID: endpoint})
	require.NoError(a.t, err)
	snap, err := a.Snapshot(a.t.Context(), a.tenant)
	require.NoError(a.t, err)
	for _, t := range snap.Targets {
		if t.ID == endpoint {
			require.Equal(a.t, e.Verification.Challenge, t.Challenge)
			return e.Verification, t.Paused
		}
	}
	a.t.Fatal("no such endpoint")
	return v, false
}

func (a *asker) change(endpoint event.ID, change func(*store.Endpoint)) {
	a.t.Helper()
	_, err := a.ChangeEndpoint(a.t.Context(), a.tenant, store.Ref{ID: endpoint}, func(e *store.Endpoint) error {
		change(e)
		return nil
	})
	require.NoError(a.t, err)
}

// TestVerification follows an endpoint that has to be verified, through challenges
// that fail and one that does not.
func TestVerification(t *testing.T) {
	t.Parallel()
	a := newAsker(t)
	e := a.endpoint()
	v, waits := a.now(e)
	require.True(t, waits)
	require.Equal(t, store.Verification{}, v)

	first := a.begin(e)
	v, waits = a.now(e)
	require.True(t, waits)
	require.True(t, v.Pending(time.Now()))
	require.False(t, v.Pending(time.Now().Add(store.ChallengeLife)))
	require.Zero(t, a.begin(e), "one at a time")

	payload, err := a.Payload(t.Context(), a.tenant, first)
	require.NoError(t, err)
	text, err := store.ChallengeIn(payload)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(text), 26)
	var envelope struct {
		Type      string
		Timestamp time.Time
	}
	require.NoError(t, json.Unmarshal(payload, &envelope))
	require.Equal(t, event.TypeVerification, envelope.Type)
	require.WithinDuration(t, time.Now(), envelope.Timestamp, time.Minute)

	a.end(e, event.NewID(), "")
	v, _ = a.now(e)
	require.Equal(t, first, v.Challenge, "of another challenge")
	a.end(e, first, "timeout")
	v, waits = a.now(e)
	require.True(t, waits)
	require.False(t, v.Verified())
	require.Equal(t, "timeout", v.Failure)

	second := a.begin(e)
	require.NotEqual(t, first, second)
	a.end(e, first, "")
	a.end(e, second, "")
	v, waits = a.now(e)
	require.False(t, waits)
	require.True(t, v.Verified())

	third := a.begin(e)
	_, waits = a.now(e)
	require.False(t, waits, "it is verified until it fails")
	a.end(e, third, "wrong_answer")
	_, waits = a.now(e)
	require.True(t, waits)
	a.change(e, func(e *store.Endpoint) { e.Verify = false })
	_, waits = a.now(e)
	require.False(t, waits)
}

// TestVerificationOfAnotherHost: what was said at one host is not said at another.
func TestVerificationOfAnotherHost(t *testing.T) {
	t.Parallel()
	a := newAsker(t)
	for url, kept := range map[string]bool{
		"https://example.com/other?a": true, "https://u:p@example.com/hook": true,
		"http://example.com/hook": false, "https://example.com:8443/hook": false, "https://example.org/hook": false,
	} {
		e := a.endpoint()
		a.end(e, a.begin(e), "")
		pending := a.begin(e)
		a.change(e, func(e *store.Endpoint) { e.SetURL(url) })
		v, waits := a.now(e)
		require.Equal(t, kept, v.Verified(), url)
		require.Equal(t, !kept, waits, url)
		require.Equal(t, kept, v.Challenge == pending, url)
		a.end(e, pending, "")
		_, waits = a.now(e)
		require.Equal(t, !kept, waits, url)
	}
}

// TestNobodyIsAskedWhoIsDisabled: the challenge of one that is disabled is no more.
func TestNobodyIsAskedWhoIsDisabled(t *testing.T) {
	t.Parallel()
	a := newAsker(t)
	e := a.endpoint()
	a.begin(e)
	a.change(e, func(e *store.Endpoint) { e.Disabled = true })
	v, _ := a.now(e)
	require.Equal(t, store.Verification{}, v)
	a.change(e, func(e *store.Endpoint) { e.Disabled = false })
	require.NotZero(t, a.begin(e))
	_, err := a.DisableEndpoint(t.Context(), a.tenant, e, store.DisabledGone)
	require.NoError(t, err)
	v, _ = a.now(e)
	require.Equal(t, store.Verification{}, v)
}

// TestChallengesArePaced: whatever comes of them, an endpoint and an application get
// so many, also if endpoints are made for it.
func TestChallengesArePaced(t *testing.T) {
	t.Parallel()
	a := newAsker(t)
	e := a.endpoint()
	for range 5 {
		a.end(e, a.begin(e), "wrong_answer")
	}
	before, _ := a.now(e)
	wait := a.refused(e)
	require.Positive(t, wait)
	require.LessOrEqual(t, wait, time.Minute)
	after, _ := a.now(e)
	require.Equal(t, before, after, "it is as if nobody had asked")

	for range 15 {
		a.begin(a.endpoint())
	}
	last := a.endpoint()
	wait = a.refused(last)
	require.Positive(t, wait)
	require.LessOrEqual(t, wait, 30*time.Second)

	bystander := *a
	bystander.tenant = testkit.Tenant(t, a.Store)
	require.NotZero(t, bystander.begin(bystander.endpoint()))

	_, err := testkit.SQL(t, a.database).Exec(t.Context(), `UPDATE tenants SET challenge_due = challenge_due - interval '30 s' WHERE id = $1`, a.tenant)
	require.NoError(t, err)
	require.NotZero(t, a.begin(last), "half a minute later")
	a.refused(a.endpoint())
}

// TestLostChallenge: one that nobody has heard of for long is asked again.
func TestLostChallenge(t *testing.T) {
	t.Parallel()
	a := newAsker(t)
	e := a.endpoint()
	old := event.FloorID(time.Now().Add(-store.ChallengeLife))
	a.begin(e)
	_, err := testkit.SQL(t, a.database).Exec(t.Context(), `UPDATE endpoints SET challenge = $2 WHERE id = $1`, e, old)
	require.NoError(t, err)
	require.NotZero(t, a.begin(e))
}
