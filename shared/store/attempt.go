package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// Attempt is one row of what was tried: the HTTP call, how it ended and what
// follows.
type Attempt struct {
	ID         event.ID // its time is when the attempt started
	Tenant     event.ID
	Event      event.ID
	Endpoint   event.ID
	Run        event.ID // zero: caused by the event itself
	Number     int
	Outcome    string
	NextAt     time.Time // zero: this was the last
	StatusCode int       // 0: there was no answer
	Duration   time.Duration
	URL        string
	Response   []byte
	Lane       string    // that the delivery came through
	QueuedAt   time.Time // when it was put there

	// Failing says that the attempt speaks against its endpoint. RecordAttempts
	// then sets since when the endpoint has had nothing but such attempts, zero when
	// this is the first. Neither is read back.
	Failing      bool
	FailingSince time.Time

	// Headers are kept of few; nil: not of this one. They are read back by
	// AttemptHeaders, and from retired days.
	Headers *AttemptHeaders
}

// RecordAttempts stores a group of attempts in one statement. Those that are
// stored already stay as they are: the answer to an earlier call may have been
// lost. It keeps account of which endpoints have nothing but failures, and tells
// whoever wants to know, in the same transaction.
func (s *Store) RecordAttempts(ctx context.Context, attempts []Attempt) error {
	news, err := s.attemptNews(ctx, attempts)
	if err != nil {
		return err
	}
	if len(news) == 0 {
		return s.insertAttempts(ctx, attempts)
	}
	return s.Within(ctx, func(s *Store) error {
		if err := s.insertAttempts(ctx, attempts); err != nil {
			return err
		}
		return s.tellOfAttempts(ctx, news)
	})
}

func (s *Store) insertAttempts(ctx context.Context, attempts []Attempt) error {
	n := len(attempts)
	ids, tenants, events := make([]event.ID, n), make([]event.ID, n), make([]event.ID, n)
	endpoints, runs := make([]event.ID, n), make([]*event.ID, n)
	numbers, statuses, durations := make([]int, n), make([]int, n), make([]int64, n)
	outcomes, urls, responses := make([]string, n), make([]string, n), make([][]byte, n)
	lanes := make([]string, n)
	next, queued := make([]*time.Time, n), make([]*time.Time, n)
	headers := make([][]byte, n)
	for i := range attempts {
		a := &attempts[i]
		ids[i], tenants[i], events[i] = a.ID, a.Tenant, a.Event
		endpoints[i], runs[i] = a.Endpoint, nullable(a.Run)
		numbers[i], statuses[i], durations[i] = a.Number, a.StatusCode, a.Duration.Milliseconds()
		outcomes[i], urls[i], responses[i] = a.Outcome, a.URL, a.Response
		lanes[i], next[i], queued[i] = a.Lane, moment(a.NextAt), moment(a.QueuedAt)
		var err error
		if headers[i], err = a.Headers.encode(); err != nil {
			return fmt.Errorf("write headers of attempt: %w", err)
		}
	}
	well, ill := healthOf(attempts)
	var batch pgx.Batch // both or neither, in one round trip
	batch.Queue(`
		WITH recovered AS (DELETE FROM endpoint_failures WHERE endpoint_id = ANY ($13::uuid[]))
		INSERT INTO attempts (id, tenant_id, event_id, endpoint_id, run_id, attempt, outcome, next_at, status_code, duration_ms, url, response,
			lane, queued_at, headers)
		SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::integer[],
			$7::text[], $8::timestamptz[], $9::integer[], $10::integer[], $11::text[], $12::bytea[], $14::text[], $15::timestamptz[], $16::json[])
		ON CONFLICT DO NOTHING`,
		ids, tenants, events, endpoints, runs, numbers, outcomes, next, statuses, durations, urls, responses, well,
		lanes, queued, headers)
	if len(ill.endpoints) > 0 {
		ill.count(&batch, attempts)
	}
	if err := s.db.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("record %d attempts: %w", n, err)
	}
	return nil
}

// MadeAttempt finds the attempt that d is about, when it was made and recorded
// before: by a worker that died before it could hand the delivery on. It returns
// ErrNotFound when it was not.
func (s *Store) MadeAttempt(ctx context.Context, d *event.Delivery) (*Attempt, error) {
	a := Attempt{Tenant: d.Tenant, Event: d.Event, Endpoint: d.Endpoint, Run: d.Run, Number: d.Attempt}
	var next *time.Time
	err := s.db.QueryRow(ctx, `
		SELECT id, outcome, next_at FROM attempts
		WHERE event_id = $1 AND endpoint_id = $2 AND id >= $5 AND attempt = $3 AND run_id IS NOT DISTINCT FROM $4
		ORDER BY id DESC LIMIT 1`,
		d.Event, d.Endpoint, d.Attempt, nullable(d.Run), event.FloorID(d.Event.Time().Add(-clockSkew))).Scan(&a.ID, &a.Outcome, &next)
	if err != nil {
		return nil, fmt.Errorf("find attempt: %w", interpret(err))
	}
	if next != nil {
		a.NextAt = *next
	}
	return &a, nil
}

// Payload reads the body of an event that was too large to travel. It returns
// ErrNotFound when it is not stored any more.
func (s *Store) Payload(ctx context.Context, tenant, id event.ID) ([]byte, error) {
	var payload []byte
	err := s.db.QueryRow(ctx,
		`SELECT payload FROM events WHERE tenant_id = $1 AND id = $2 AND NOT `+gone, tenant, id).Scan(&payload)
	if err != nil {
		return nil, fmt.Errorf("read payload: %w", interpret(err))
	}
	return payload, nil
}
