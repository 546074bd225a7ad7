package portaltest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

// Attempt is what a test wants to have happened: a message was tried at an endpoint.
type Attempt struct {
	App, Endpoint, Message string

	Number   int
	Outcome  string
	Code     int // 0: there was no answer
	Response string
	Again    time.Duration // from now, when it is tried again; 0: it is not
	Headers  *store.AttemptHeaders
}

// Tried records an attempt, as deliver does, and returns its id.
func (w *World) Tried(t testing.TB, a Attempt) string {
	t.Helper()
	row := store.Attempt{
		ID: event.NewID(), Tenant: idOf(t, event.Tenant, a.App), Endpoint: idOf(t, event.Endpoint, a.Endpoint), Event: idOf(t, event.Message, a.Message),
		Number: a.Number, Outcome: a.Outcome, StatusCode: a.Code, Response: []byte(a.Response), Headers: a.Headers,
		Duration: 87 * time.Millisecond, URL: "https://x.example/in",
	}
	if a.Again > 0 {
		row.NextAt = time.Now().Add(a.Again)
	}
	require.NoError(t, w.Store.RecordAttempts(t.Context(), []store.Attempt{row}))
	return event.Attempt.Format(row.ID)
}

// GivenUp records an attempt that was the last, and a dead letter, as dlq does.
func (w *World) GivenUp(t testing.TB, a Attempt, eventType string) {
	t.Helper()
	w.Tried(t, a)
	require.NoError(t, w.Store.RecordDeadLetters(t.Context(), []store.DeadLetter{{
		Tenant: idOf(t, event.Tenant, a.App), Endpoint: idOf(t, event.Endpoint, a.Endpoint), Event: idOf(t, event.Message, a.Message),
		Type: eventType, Reason: a.Outcome, Attempts: a.Number,
	}}))
}

// Publish hands on what was posted, as ingest does, to nobody.
func (w *World) Publish(t testing.TB) {
	t.Helper()
	_, err := w.Store.Sweep(t.Context(), 0, 100, func(context.Context, []store.Batch) error { return nil })
	require.NoError(t, err)
}

// Work does the next part of a task, of two messages at most, as dlq does. It reports
// whether the task has ended.
func (w *World) Work(t testing.TB, task string) bool {
	t.Helper()
	ended, err := w.Store.AdvanceTask(t.Context(), idOf(t, event.Task, task), 2, func(context.Context, []store.Selected) error { return nil })
	require.NoError(t, err)
	return ended
}

func idOf(t testing.TB, kind event.Kind, text string) event.ID {
	t.Helper()
	id, err := kind.Parse(text)
	require.NoError(t, err)
	return id
}
