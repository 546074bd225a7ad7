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
	OutcomeSuccess  = "success"           // the only one that is none of failure
	OutcomeDisabled = "endpoint_disabled" // nobody was called
	OutcomeExpired  = "payload_expired"   // nor then
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

// Attempts lists attempts of a tenant by id, and tells whether there are more.
func (s *Store) Attempts(ctx context.Context, tenant event.ID, f AttemptFilter, p Page[event.ID]) ([]Attempt, bool, error) {
	if f.Success && f.Failure {
		return nil, false, nil
	}
	read := func(w window, p Page[event.ID]) ([]Attempt, error) {
		q := f.query(tenant)
		q.within("a.id", w)
		turn(q, "a.id", p)
		rows, err := s.db.Query(ctx, q.sql.String(), q.args...)
		return collect(rows, err, scanAttempt)
	}
	var attempts []Attempt
	var more bool
	var err error
	if f.Event.IsZero() {
		attempts, more, err = history(p, f.After, f.Before, read)
	} else { // they are few, and any day since may have one
		attempts, err = read(between(latest(f.After, f.Event.Time().Add(-clockSkew)), f.Before), p)
		attempts, more = cut(attempts, p)
	}
	if err != nil {
		return nil, false, fmt.Errorf("list attempts: %w", err)
	}
	return attempts, more, nil
}

// query selects the attempts of a tenant that are asked for, of all times.
func (f *AttemptFilter) query(tenant event.ID) *query {
	q := newQuery(`SELECT `+attemptColumns+` FROM attempts a WHERE a.tenant_id = $1`, tenant)
	if f.ofEvents() {
		// A join would be turned round, and read all events of a day for a page that is full after a few.
		q.sql.WriteString(` AND (SELECT true FROM events WHERE tenant_id = $1 AND id = a.event_id`)
		f.restrict(q)
		q.sql.WriteString(` LIMIT 1)`)
	}
	if !f.Endpoint.IsZero() {
		q.and(`a.endpoint_id = %s`, f.Endpoint)
	}
	if !f.Event.IsZero() {
		q.and(`a.event_id = %s`, f.Event)
	}
	if f.Success {
		q.and(`a.outcome = %s`, OutcomeSuccess)
	}
	if f.Failure {
		q.and(`a.outcome <> %s`, OutcomeSuccess)
	}
	if f.Codes != nil {
		q.and(`a.status_code >= %s`, f.Codes.From)
		q.and(`a.status_code < %s`, f.Codes.To)
	}
	return q
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
