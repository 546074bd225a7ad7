package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// LetterFilter selects dead letters. Zero fields select everything: those of all
// tenants, too.
type LetterFilter struct {
	Tenant   event.ID
	Endpoint event.ID
	Event    event.ID
	Reason   string
	Types    []string
	After    time.Time // of acceptance of the event
	Before   time.Time
}

// LetterKey is what dead letters are listed by: first the event, so the newest
// are found without looking at all.
type LetterKey struct {
	Event    event.ID
	Endpoint event.ID
}

const selectLetter = `SELECT tenant_id, endpoint_id, event_id, event_type, reason, attempts, died_at FROM dead_letters d`

func scanDeadLetter(row pgx.Row, l *DeadLetter) error {
	return row.Scan(&l.Tenant, &l.Endpoint, &l.Event, &l.Type, &l.Reason, &l.Attempts, &l.DiedAt)
}

// DeadLetters lists dead letters by event and endpoint, and tells whether there
// are more.
func (s *Store) DeadLetters(ctx context.Context, f LetterFilter, p Page[LetterKey]) ([]DeadLetter, bool, error) {
	q := f.query(selectLetter)
	turnPair(q, "event_id", "endpoint_id", p)
	rows, err := s.db.Query(ctx, q.sql.String(), q.args...)
	letters, err := collect(rows, err, scanDeadLetter)
	if err != nil {
		return nil, false, fmt.Errorf("list dead letters: %w", err)
	}
	letters, more := cut(letters, p)
	return letters, more, nil
}

// LetterCount is how many dead letters there are.
type LetterCount struct {
	ByReason map[string]int
	ByTenant map[event.ID]int
	More     bool // there are older ones, which were not counted
}

// CountDeadLetters counts dead letters, the newest, and at most limit.
func (s *Store) CountDeadLetters(ctx context.Context, f LetterFilter, limit int) (*LetterCount, error) {
	q := f.query(`SELECT tenant_id, reason, count(*) FROM (SELECT tenant_id, reason FROM dead_letters d`)
	fmt.Fprintf(&q.sql, ` ORDER BY event_id DESC LIMIT %d) AS d GROUP BY tenant_id, reason`, limit+1)
	rows, err := s.db.Query(ctx, q.sql.String(), q.args...)
	if err != nil {
		return nil, fmt.Errorf("count dead letters: %w", err)
	}
	count := LetterCount{ByReason: make(map[string]int), ByTenant: make(map[event.ID]int)}
	var tenant event.ID
	var reason string
	var n, total int
	_, err = pgx.ForEachRow(rows, []any{&tenant, &reason, &n}, func() error {
		count.ByReason[reason] += n
		count.ByTenant[tenant] += n
		total += n
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count dead letters: %w", err)
	}
	count.More = total > limit
	return &count, nil
}

// DeadLetter reads what is said of an event that is dead at the endpoint. It
// returns ErrNotFound when it is not.
func (s *Store) DeadLetter(ctx context.Context, endpoint, eventID event.ID) (*DeadLetter, error) {
	var l DeadLetter
	if err := scanDeadLetter(s.db.QueryRow(ctx, selectLetter+` WHERE endpoint_id = $1 AND event_id = $2`, endpoint, eventID), &l); err != nil {
		return nil, fmt.Errorf("read dead letter: %w", interpret(err))
	}
	return &l, nil
}

// query begins with what selects from dead letters d, and keeps to the filter.
func (f LetterFilter) query(sql string) *query {
	q := newQuery(sql + ` WHERE true`)
	if !f.Tenant.IsZero() {
		q.and(`tenant_id = %s`, f.Tenant)
	}
	if !f.Endpoint.IsZero() {
		q.and(`endpoint_id = %s`, f.Endpoint)
	}
	if !f.Event.IsZero() {
		q.and(`event_id = %s`, f.Event)
	}
	q.within("event_id", between(f.After, f.Before))
	q.letters(f)
	return q
}

// letters keeps to dead letters d of the filter's reason and types.
func (q *query) letters(f LetterFilter) {
	if f.Reason != "" {
		q.and(`d.reason = %s`, f.Reason)
	}
	if len(f.Types) > 0 {
		q.and(`d.event_type = ANY(%s)`, f.Types)
	}
}
