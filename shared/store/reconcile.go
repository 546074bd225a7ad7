package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// Reconciliation is one look for what the streams have lost since a moment, to put
// it on its way again. It is a row, and done part by part by whoever comes.
type Reconciliation struct {
	ID     int64
	Since  time.Time // nothing that was settled by then is looked at
	Lost   bool      // it is known that something is missing; else only what was stored last may be
	Reason string    // for people

	Counts   map[string]int64 // what was put on its way again, by kind
	Created  time.Time        // by the database's clock
	Finished time.Time        // zero: it goes on
	Merged   int64            // the later one that does what was left; zero: none

	step     int
	position *position
}

// position is where a step of a reconciliation stands, in the order of the index
// that it walks along.
type position struct {
	At   time.Time  `json:"at,omitzero"`
	ID   event.ID   `json:"id"`
	N    int64      `json:"n,omitempty"`
	Task *candidate `json:"task,omitempty"`
}

// round numbers what is put on its way again, so that no stream takes it for a
// copy of what it knows and another lost. A stream that nothing is missing on
// knows what it has, and drops the copies.
func (r *Reconciliation) round() int64 {
	if r.Lost {
		return r.ID
	}
	return 0
}

// HandOut puts deliveries on their way: those with a reason to DLQ, others to
// their lanes, or to wait until they are due. On an error some of them may be.
type HandOut func(context.Context, []event.Delivery) error

// progress is what a part of a step has done.
type progress struct {
	next  *position // nil: the step is done
	again int64     // put on their way
}

// steps of a reconciliation. All are repeatable: what they look for is what has no
// sign of having gone on, and deliver looks up what they hand out.
var steps = []struct { //nolint:gochecknoglobals // constant
	kind string
	part func(context.Context, pgx.Tx, *Reconciliation, int, HandOut) (progress, error)
}{
	{"events", missingEvents},
	{"later", missingLater},
	{"retries", missingRetries},
	{"dead_letters", missingLetters},
	{"redriven", missingRedriven},
	{"tasks", missingReplays},
}

// Kinds lists what reconciliations count.
func Kinds() []string {
	kinds := make([]string, len(steps))
	for i, step := range steps {
		kinds[i] = step.kind
	}
	return kinds
}

// AskReconciliation asks whoever does reconciliations for one. It sets the rest of
// r. One that is not finished yet is merged into it: what it had put on its way
// may be what was lost since.
func (s *Store) AskReconciliation(ctx context.Context, r *Reconciliation) error {
	err := s.Within(ctx, func(s *Store) error { return s.ask(ctx, r) })
	if err != nil {
		return fmt.Errorf("ask for reconciliation: %w", err)
	}
	return nil
}

func (s *Store) ask(ctx context.Context, r *Reconciliation) error {
	r.Counts = map[string]int64{}
	err := s.db.QueryRow(ctx, `
		INSERT INTO reconciliations (since, lost, reason)
		SELECT least($1, min(since)), $2 OR coalesce(bool_or(lost), false), $3 FROM reconciliations WHERE finished_at IS NULL
		RETURNING id, since, lost, created_at`, r.Since, r.Lost, r.Reason).Scan(&r.ID, &r.Since, &r.Lost, &r.Created)
	if err != nil {
		return err
	}
	_, err = s.db.Exec(ctx, `
		UPDATE reconciliations SET finished_at = now(), merged_into = $1 WHERE finished_at IS NULL AND id < $1`, r.ID)
	return err
}

// Reconciliation reads one. It returns ErrNotFound.
func (s *Store) Reconciliation(ctx context.Context, id int64) (*Reconciliation, error) {
	r, err := scanReconciliation(s.db.QueryRow(ctx, selectReconciliation+` WHERE id = $1`, id))
	if err != nil {
		return nil, fmt.Errorf("read reconciliation: %w", interpret(err))
	}
	return r, nil
}

// NextReconciliation reads the one that is to be done. It returns ErrNotFound when
// there is none.
func (s *Store) NextReconciliation(ctx context.Context) (*Reconciliation, error) {
	r, err := scanReconciliation(s.db.QueryRow(ctx, selectReconciliation+nextReconciliation))
	if err != nil {
		return nil, fmt.Errorf("read next reconciliation: %w", interpret(err))
	}
	return r, nil
}

const nextReconciliation = ` WHERE finished_at IS NULL ORDER BY id LIMIT 1`

const selectReconciliation = `SELECT id, since, lost, reason, step, position, counts, created_at, finished_at, coalesce(merged_into, 0) FROM reconciliations`

func scanReconciliation(row pgx.Row) (*Reconciliation, error) {
	var r Reconciliation
	var at []byte
	var finished *time.Time
	err := row.Scan(&r.ID, &r.Since, &r.Lost, &r.Reason, &r.step, &at, &r.Counts, &r.Created, &finished, &r.Merged)
	if err == nil && at != nil {
		err = json.Unmarshal(at, &r.position)
	}
	r.Finished = timeOf(finished)
	return &r, err
}

// AdvanceReconciliation does the next part of the reconciliation that is to be
// done, in one transaction: it looks at the next limit rows and puts on their way
// again what is missing, by handOut or through the outbox. It returns what kind
// that was, how many, and the reconciliation as it is then; ErrNotFound when there
// is none to do. When it fails the same part is done again next time.
func (s *Store) AdvanceReconciliation(ctx context.Context, limit int, handOut HandOut) (kind string, again int64, r *Reconciliation, err error) {
	err = s.transact(ctx, func(tx pgx.Tx) error {
		r, err = scanReconciliation(tx.QueryRow(ctx, selectReconciliation+nextReconciliation+` FOR UPDATE`))
		if err != nil {
			return interpret(err)
		}
		step := steps[r.step]
		kind = step.kind
		done, err := step.part(ctx, tx, r, limit, handOut)
		if err != nil {
			return fmt.Errorf("look for missing %s: %w", kind, err)
		}
		again = done.again
		r.Counts[kind] += again
		if r.position = done.next; r.position == nil {
			r.step++
		}
		return r.save(ctx, tx)
	})
	if err != nil {
		return "", 0, nil, fmt.Errorf("reconcile: %w", err)
	}
	return kind, again, r, nil
}

func (r *Reconciliation) save(ctx context.Context, tx pgx.Tx) error {
	var finished *time.Time
	err := tx.QueryRow(ctx, `
		UPDATE reconciliations SET step = $2, position = $3, counts = $4, finished_at = CASE WHEN $5 THEN now() END
		WHERE id = $1 RETURNING finished_at`, r.ID, r.step, r.position, r.Counts, r.step == len(steps)).Scan(&finished)
	r.Finished = timeOf(finished)
	return err
}
