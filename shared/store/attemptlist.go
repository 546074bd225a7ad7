package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// The outcomes of attempts that are told apart here.
const (
	OutcomeSuccess  = "success"            // the only one that is none of failure
	OutcomeDisabled = event.ReasonDisabled // nobody was called
	OutcomeExpired  = "payload_expired"    // nor then
)

// Sent reports whether the endpoint was called.
func (a *Attempt) Sent() bool { return a.Outcome != OutcomeDisabled && a.Outcome != OutcomeExpired }

// clockSkew is how far the clocks of two processes may be apart: an attempt may
// seem to have been made before its event was accepted.
const clockSkew = time.Hour

// AttemptFilter selects attempts. Zero fields select everything.
type AttemptFilter struct {
	Endpoint event.ID
	Event    event.ID
	Success  bool // those that succeeded
	Failure  bool // those that did not; with Success, none
	Codes    *CodeRange

	EventFilter // of their events, but the times are those of the attempts
}

// CodeRange is a range of HTTP status codes, without its end. Code 0 says that
// there was no answer.
type CodeRange struct{ From, To int }

const attemptColumns = `a.id, a.tenant_id, a.event_id, a.endpoint_id, a.run_id, a.attempt, a.outcome, a.next_at,
	a.status_code, a.duration_ms, a.url, a.response, coalesce(a.lane, ''), a.queued_at`

func scanAttempt(row pgx.Row, a *Attempt) error {
	var run *event.ID
	var next, queued *time.Time
	var ms int64
	err := row.Scan(&a.ID, &a.Tenant, &a.Event, &a.Endpoint, &run, &a.Number, &a.Outcome, &next,
		&a.StatusCode, &ms, &a.URL, &a.Response, &a.Lane, &queued)
	if run != nil {
		a.Run = *run
	}
	a.NextAt, a.QueuedAt = timeOf(next), timeOf(queued)
	a.Duration = time.Duration(ms) * time.Millisecond
	return err
}

// Attempts lists attempts of a tenant by id.
func (s *Store) Attempts(ctx context.Context, tenant event.ID, f AttemptFilter, p Page[event.ID]) ([]Attempt, Rest, error) {
	if f.Success && f.Failure {
		return nil, Rest{}, nil
	}
	within := search{f.After, f.Before, firstWindow, f.Success || f.Failure || f.Codes != nil || f.ofEvents()}
	if !f.Event.IsZero() { // they are few, and any day since may have one
		within.after, within.window = latest(f.After, f.Event.Time().Add(-clockSkew)), lookBack+clockSkew
	}
	ids, rest, err := s.history(p, within, func(w window, p Page[event.ID]) ([]seen, error) {
		q := newQuery(`SELECT id, event_id, tenant_id = $1`, tenant)
		f.restrict(q)
		q.sql.WriteString(` FROM attempts WHERE true`) // of a tenant as well, PostgreSQL would expect fewer rows than there are
		f.of(q)
		q.within("id", w)
		turn(q, "id", p)
		rows, err := s.look(ctx, q)
		if err != nil || !f.ofEvents() {
			return rows, err
		}
		return rows, s.sieve(ctx, tenant, &f.EventFilter, rows)
	})
	if err != nil {
		return nil, rest, fmt.Errorf("find attempts: %w", err)
	}
	q := newQuery(`SELECT `+attemptColumns+` FROM attempts a WHERE a.tenant_id = $1`, tenant)
	f.of(q)
	attempts, err := fetch(ctx, s, q, ids, p, scanAttempt)
	if err != nil {
		return nil, rest, fmt.Errorf("list attempts: %w", err)
	}
	return attempts, rest, nil
}

// of keeps to the attempts at an endpoint, or of an event.
func (f *AttemptFilter) of(q *query) {
	if !f.Endpoint.IsZero() {
		q.and(`endpoint_id = %s`, f.Endpoint)
	}
	if !f.Event.IsZero() {
		q.and(`event_id = %s`, f.Event)
	}
}

// restrict keeps to the attempts that are asked for, as far as they themselves
// can tell.
func (f *AttemptFilter) restrict(q *query) {
	if f.Success {
		q.and(`outcome = %s`, OutcomeSuccess)
	}
	if f.Failure {
		q.and(`outcome <> %s`, OutcomeSuccess)
	}
	if f.Codes != nil {
		q.and(`status_code >= %s`, f.Codes.From)
		q.and(`status_code < %s`, f.Codes.To)
	}
}

// Attempt reads one attempt of an event. It returns ErrNotFound.
func (s *Store) Attempt(ctx context.Context, tenant, eventID, id event.ID) (*Attempt, error) {
	var a Attempt
	row := s.db.QueryRow(ctx, `
		SELECT `+attemptColumns+` FROM attempts a WHERE a.event_id = $1 AND a.id = $2 AND a.tenant_id = $3`, eventID, id, tenant)
	if err := scanAttempt(row, &a); err != nil {
		return nil, fmt.Errorf("read attempt: %w", interpret(err))
	}
	return &a, nil
}
