package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// ErrUnderWay says that the first request with an idempotency key has not been
// answered yet.
var ErrUnderWay = errors.New("the first request with this key is under way")

// Answered is what a request with an idempotency key was answered.
type Answered struct {
	Fingerprint []byte // of the request
	Status      int
	Body        []byte // nil: none
}

// ClaimRequest gives the transaction of this Store (see [Store.Within]) the key of
// a request, by its digest of at least eight bytes: until the transaction ends,
// whoever else claims it waits, for wait at most, and after that as long for any
// other lock. It returns the answer that the key was given today or yesterday, or
// ErrNotFound when there is none: then the claim is to be followed by KeepAnswer.
// It returns ErrUnderWay when it has waited for too long.
//
// The claim is a lock and no row, so that it also holds between two days, and
// the answer is the only thing that is written.
func (s *Store) ClaimRequest(ctx context.Context, digest []byte, wait time.Duration) (*Answered, error) {
	_, err := s.db.Exec(ctx, `SELECT set_config('lock_timeout', $1, true), pg_advisory_xact_lock($2)`,
		fmt.Sprint(wait.Milliseconds()), int64(binary.BigEndian.Uint64(digest))) //nolint:gosec // any bits will do
	if lockTimeout(err) {
		err = ErrUnderWay
	}
	if err != nil {
		return nil, fmt.Errorf("claim idempotency key: %w", err)
	}
	var a Answered
	err = s.db.QueryRow(ctx, `
		SELECT fingerprint, status, answer FROM request_keys
		WHERE day BETWEEN `+today+` - 1 AND `+today+` + 1 AND digest = $1
		ORDER BY day DESC LIMIT 1`, digest).Scan(&a.Fingerprint, &a.Status, &a.Body)
	if err != nil {
		return nil, fmt.Errorf("find idempotency key: %w", interpret(err))
	}
	return &a, nil
}

// KeepAnswer stores what a request is answered whose key was claimed.
func (s *Store) KeepAnswer(ctx context.Context, digest []byte, a *Answered) error {
	_, err := s.db.Exec(ctx, `INSERT INTO request_keys (day, digest, fingerprint, status, answer) VALUES (`+today+`, $1, $2, $3, $4)`,
		digest, a.Fingerprint, a.Status, a.Body)
	if err != nil {
		return fmt.Errorf("keep answer: %w", err)
	}
	return nil
}

// today is the day on which the transaction began, by the clock that all
// processes share. Whoever waited may find an answer of its tomorrow.
const today = `(now() AT TIME ZONE 'UTC')::date`
