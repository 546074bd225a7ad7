package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// OutcomeSuccess is the one outcome of an attempt that is none of failure.
const OutcomeSuccess = "success"

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
	Types    []string // of the events
	Channel  string   // of the events
	Tag      string   // of the events
	After    time.Time
	Before   time.Time
}

// CodeRange is a range of HTTP status codes, without its end. Code 0 says that
// there was no answer.
type CodeRange struct{ From, To int }

const attemptColumns = `a.id, a.tenant_id, a.event_id, a.endpoint_id, a.run_id, a.attempt, a.outcome, a.next_at,
	a.status_code, a.duration_ms, a.url, a.response`

func scanAttempt(row pgx.Row, a *Attempt) error {
	var run *event.ID
	var next *time.Time
	var ms int64
	err := row.Scan(&a.ID, &a.Tenant, &a.Event, &a.Endpoint, &run, &a.Number, &a.Outcome, &next,
		&a.StatusCode, &ms, &a.URL, &a.Response)
	if run != nil {
		a.Run = *run
	}
	if next != nil {
		a.NextAt = *next
	}
	a.Duration = time.Duration(ms) * time.Millisecond
	return err
}

// Attempts lists attempts of a tenant by id, and tells whether there are more.
func (s *Store) Attempts(ctx context.Context, tenant event.ID, f AttemptFilter, p Page[event.ID]) ([]Attempt, bool, error) {
	if f.Success && f.Failure {
		return nil, false, nil
	}
	q := newQuery(`SELECT `+attemptColumns+` FROM attempts a`+f.join()+` WHERE a.tenant_id = $1`, tenant)
	if len(f.Types) > 0 {
		q.and(`e.event_type = ANY(%s)`, f.Types)
	}
	if f.Channel != "" {
		q.and(`%s = ANY(e.channels)`, f.Channel)
	}
	if f.Tag != "" {
		q.and(`%s = ANY(e.tags)`, f.Tag)
	}
	if !f.Endpoint.IsZero() {
		q.and(`a.endpoint_id = %s`, f.Endpoint)
	}
	if !f.Event.IsZero() {
		q.and(`a.event_id = %s`, f.Event)
		if made := f.Event.Time().Add(-clockSkew); made.After(f.After) {
			f.After = made
		}
	}
	q.between("a.id", f.After, f.Before)
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
	turn(q, "a.id", p)
	rows, err := s.db.Query(ctx, q.sql.String(), q.args...)
	attempts, err := collect(rows, err, scanAttempt)
	if err != nil {
		return nil, false, fmt.Errorf("list attempts: %w", err)
	}
	attempts, more := cut(attempts, p)
	return attempts, more, nil
}

// join brings in the events where something is asked for of them.
func (f *AttemptFilter) join() string {
	if len(f.Types) == 0 && f.Channel == "" && f.Tag == "" {
		return ""
	}
	return ` JOIN events e ON e.tenant_id = a.tenant_id AND e.id = a.event_id`
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
