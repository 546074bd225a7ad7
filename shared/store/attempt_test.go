package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// delivery of an accepted event that has no row.
func newDelivery() *event.Delivery {
	return &event.Delivery{Event: event.NewID(), Tenant: event.NewID(), Endpoint: event.NewID(), Attempt: 1}
}

func attemptOf(d *event.Delivery, outcome string) store.Attempt {
	return store.Attempt{
		ID: event.NewID(), Tenant: d.Tenant, Event: d.Event, Endpoint: d.Endpoint, Run: d.Run, Number: d.Attempt,
		Outcome: outcome, StatusCode: 500, Duration: 120 * time.Millisecond, URL: "https://example.com/hook", Response: []byte("\x00no"),
	}
}

func TestRecordAttempts(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	d := newDelivery()
	first := attemptOf(d, "rejected")
	first.NextAt = time.Now().Add(time.Minute).UTC().Truncate(time.Microsecond)
	second := attemptOf(d, "success")
	second.Number, second.StatusCode, second.Run = 2, 0, event.NewID()
	require.NoError(t, s.RecordAttempts(t.Context(), []store.Attempt{first, second}))

	got, rest, err := s.Attempts(t.Context(), d.Tenant, store.AttemptFilter{}, store.Page[event.ID]{Limit: 10, Ascending: true})
	require.NoError(t, err)
	require.False(t, rest.More)
	for i := range got {
		if !got[i].NextAt.IsZero() {
			got[i].NextAt = got[i].NextAt.UTC()
		}
	}
	require.Equal(t, []store.Attempt{first, second}, got)
}

// TestAttemptHeaders: an attempt has its headers, or none, and lists do not carry them.
func TestAttemptHeaders(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	s := testkit.Open(t, url)
	d := newDelivery()
	with, silent, without := attemptOf(d, "rejected"), attemptOf(d, "timeout"), attemptOf(d, "success")
	with.Headers = &store.AttemptHeaders{
		Sent: map[string]string{"Webhook-Id": "1", "User-Agent": "<&>"}, Hidden: []string{"X-Own"},
		Answered: []store.Header{{"X-Twice", "ä\ufffd\t"}, {"X-Twice", `"\`}}, Cut: true,
	}
	silent.Headers = &store.AttemptHeaders{Sent: map[string]string{"Webhook-Id": "1"}}
	require.NoError(t, s.RecordAttempts(t.Context(), []store.Attempt{with, silent, without}))
	for _, a := range []store.Attempt{with, silent, without} {
		got, err := s.AttemptHeaders(t.Context(), d.Tenant, d.Event, a.ID)
		require.NoError(t, err)
		require.Equal(t, a.Headers, got)
	}
	require.Equal(t, 1, testkit.Value[int](t, url, `SELECT count(*) FROM attempts WHERE headers IS NULL`))
	listed, _, err := s.Attempts(t.Context(), d.Tenant, store.AttemptFilter{}, store.Page[event.ID]{Limit: 10})
	require.NoError(t, err)
	require.Len(t, listed, 3)
	for _, a := range listed {
		require.Nil(t, a.Headers)
	}
	for _, of := range [][3]event.ID{{event.NewID(), d.Event, with.ID}, {d.Tenant, event.NewID(), with.ID}, {d.Tenant, d.Event, event.NewID()}} {
		_, err := s.AttemptHeaders(t.Context(), of[0], of[1], of[2])
		require.ErrorIs(t, err, store.ErrNotFound)
	}
}

// TestRecordAttemptsAgain is what follows a commit whose answer was lost.
func TestRecordAttemptsAgain(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	s := testkit.Open(t, url)
	known, fresh := attemptOf(newDelivery(), "success"), attemptOf(newDelivery(), "success")
	require.NoError(t, s.RecordAttempts(t.Context(), []store.Attempt{known}))
	require.NoError(t, s.RecordAttempts(t.Context(), []store.Attempt{known, fresh}))
	require.Equal(t, 2, testkit.Value[int](t, url, `SELECT count(*) FROM attempts`))
}

func TestRecordAttemptsIsAllOrNothing(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	s := testkit.Open(t, url)
	bad := attemptOf(newDelivery(), "no\x00text")
	err := s.RecordAttempts(t.Context(), []store.Attempt{attemptOf(newDelivery(), "success"), bad})
	require.Error(t, err)
	require.True(t, store.Bad(err), "%v", err)
	require.Zero(t, testkit.Value[int](t, url, `SELECT count(*) FROM attempts`))
}

func TestMadeAttempt(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	d := newDelivery()
	made := attemptOf(d, "rejected")
	made.NextAt = time.Now().Add(time.Minute).Truncate(time.Microsecond)
	inRun := *d
	inRun.Run = event.NewID()
	last := attemptOf(&inRun, "success")
	require.NoError(t, s.RecordAttempts(t.Context(), []store.Attempt{made, last}))

	got, err := s.MadeAttempt(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, made.ID, got.ID)
	require.Equal(t, "rejected", got.Outcome)
	require.True(t, made.NextAt.Equal(got.NextAt), "what was planned then is done now")
	require.Equal(t, d.Event, got.Event)

	got, err = s.MadeAttempt(t.Context(), &inRun)
	require.NoError(t, err)
	require.Equal(t, last.ID, got.ID)
	require.Zero(t, got.NextAt, "it was the last")

	for name, change := range map[string]func(*event.Delivery){
		"another attempt":  func(d *event.Delivery) { d.Attempt = 2 },
		"another endpoint": func(d *event.Delivery) { d.Endpoint = event.NewID() },
		"another event":    func(d *event.Delivery) { d.Event = event.NewID() },
		"another run":      func(d *event.Delivery) { d.Run = event.NewID() },
	} {
		other := *d
		change(&other)
		_, err = s.MadeAttempt(t.Context(), &other)
		require.ErrorIs(t, err, store.ErrNotFound, name)
	}
}

// TestMadeAttemptByAnotherClock records an attempt that by its worker's clock was
// made before its event was accepted.
func TestMadeAttemptByAnotherClock(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	d := newDelivery()
	made := attemptOf(d, "success")
	made.ID = event.FloorID(d.Event.Time().Add(-time.Minute))
	require.NoError(t, s.RecordAttempts(t.Context(), []store.Attempt{made}))
	got, err := s.MadeAttempt(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, made.ID, got.ID)
}
