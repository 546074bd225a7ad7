package store

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// ChallengeLife is how long a challenge may take to reach its endpoint. After that
// it is not sent any more, and another may be asked for.
const ChallengeLife = 10 * time.Minute

// The paces of challenges: nobody is to use them to have strangers called. An
// endpoint can be deleted and made again, so its application has a pace too.
var ( //nolint:gochecknoglobals // constants
	paceOfEndpoint = pace{step: time.Minute, burst: 5}
	paceOfTenant   = pace{step: 30 * time.Second, burst: 20}
)

// pace is one challenge in each step of time, and up to burst of them at once after
// a rest. It is counted as the time until which challenges are paid for.
type pace struct {
	step  time.Duration
	burst int
}

// wait is how long to wait where challenges, the one that is asked for included, are
// paid for that long; zero or less for not at all.
func (p pace) wait(paid time.Duration) time.Duration { return paid - time.Duration(p.burst)*p.step }

// TooSoonError says that an endpoint, or its application, had too many challenges of
// late, whatever came of them.
type TooSoonError struct {
	Wait time.Duration // until there may be another
}

// Error implements error.
func (e *TooSoonError) Error() string {
	return fmt.Sprintf("too many challenges: the next one is due in %s", e.Wait)
}

// Verification is whether an endpoint has answered a challenge as only who is told
// its key can.
type Verification struct {
	Challenge event.ID  // the event that asks now; zero: none does
	CheckedAt time.Time // when the last challenge ended; zero: none has
	Failure   string    // how it ended, as the outcome of an attempt; empty: well
}

// Verified reports whether the last challenge that has ended was answered.
func (v *Verification) Verified() bool { return !v.CheckedAt.IsZero() && v.Failure == "" }

// Pending reports whether a challenge is on its way.
func (v *Verification) Pending(now time.Time) bool {
	return !v.Challenge.IsZero() && now.Before(v.Challenge.Time().Add(ChallengeLife))
}

const verificationColumns = `challenge, checked_at, check_failure`

// mustAnswer is, in SQL, whether deliveries to an endpoint wait until it is verified.
const mustAnswer = `(verify AND (checked_at IS NULL OR check_failure IS NOT NULL))`

// storedVerification is those columns as they are stored.
type storedVerification struct {
	challenge *event.ID
	checkedAt *time.Time
	failure   *string
}

func (v *storedVerification) columns() []any { return []any{&v.challenge, &v.checkedAt, &v.failure} }

func (v *storedVerification) read() Verification {
	read := Verification{CheckedAt: timeOf(v.checkedAt)}
	if v.challenge != nil {
		read.Challenge = *v.challenge
	}
	if v.failure != nil {
		read.Failure = *v.failure
	}
	return read
}

// challenge is what an endpoint is asked with, as Standard Webhooks has payloads.
type challenge struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      struct {
		Challenge string `json:"challenge"`
	} `json:"data"`
}

// newChallenge is an event that asks the endpoint. It is an event like any other but
// for what deliver makes of its answer, for this endpoint alone, and not kept for
// longer than it is of use.
func newChallenge(tenant, endpoint event.ID) (NewEvent, error) {
	e := event.Event{ID: event.NewID(), Tenant: tenant, Endpoint: endpoint, Type: event.TypeVerification}
	asked := e.ID.Time().UTC()
	c := challenge{Type: e.Type, Timestamp: asked}
	c.Data.Challenge = rand.Text() // 130 bits
	e.Expires = asked.Add(ChallengeLife)
	var err error
	if e.Payload, err = json.Marshal(c); err != nil {
		return NewEvent{}, fmt.Errorf("encode challenge: %w", err)
	}
	return NewEvent{Event: e}, nil
}

// ChallengeIn returns the text that the payload of a challenge asks with.
func ChallengeIn(payload []byte) (string, error) {
	var c challenge
	if err := json.Unmarshal(payload, &c); err != nil {
		return "", fmt.Errorf("read challenge: %w", err)
	}
	return c.Data.Challenge, nil
}

// BeginVerification has an endpoint asked whether it wants what is sent to it, and
// returns it with the batches to publish; the sweeper finds what is not. While a
// challenge is on its way there is no other: then there is nothing to publish. Who
// asks says that the receiver is there, so its circuit breaker closes. It returns
// ErrNotFound, or a TooSoonError.
func (s *Store) BeginVerification(ctx context.Context, tenant event.ID, ref Ref) (*Endpoint, []Batch, error) {
	var e Endpoint
	var batches []Batch
	err := s.transact(ctx, func(tx pgx.Tx) error {
		id, uid := ref.args()
		if err := s.scanEndpoint(tx.QueryRow(ctx, selectEndpoint+thatEndpoint+` FOR UPDATE`, tenant, id, uid), &e); err != nil {
			return err
		}
		if e.Verification.Pending(time.Now()) {
			return nil
		}
		news, err := forgetBreaker(ctx, tx, e.ID)
		if err != nil {
			return err
		}
		e.Breaker = nil
		asks, err := newChallenge(tenant, e.ID)
		if err != nil {
			return err
		}
		if err := payForChallenge(ctx, tx, &e, asks.ID); err != nil {
			return err
		}
		e.Verification.Challenge = asks.ID
		if _, batches, err = s.on(tx).Accept(ctx, []NewEvent{asks}, noticeBatch); err != nil {
			return err
		}
		return s.on(tx).tellOfEndpoint(ctx, tenant, e.ID, e.UID, news...)
	})
	if err != nil {
		return nil, nil, fmt.Errorf("begin verification: %w", interpret(err))
	}
	return &e, batches, nil
}

// payForChallenge notes the challenge, and charges the endpoint and its tenant for
// it. They are locked in this order. The version that the event is stamped with comes
// after this, so whoever delivers it knows that it is the challenge.
func payForChallenge(ctx context.Context, tx pgx.Tx, e *Endpoint, challenge event.ID) error {
	const paid = `challenge_due = greatest(coalesce(challenge_due, now()), now()) + $2::interval`
	var ofEndpoint, ofTenant time.Duration
	err := tx.QueryRow(ctx, `UPDATE endpoints SET challenge = $3, `+paid+` WHERE id = $1 RETURNING challenge_due - now()`,
		e.ID, paceOfEndpoint.step, challenge).Scan(&ofEndpoint)
	if err != nil {
		return err
	}
	err = tx.QueryRow(ctx, `UPDATE tenants SET `+paid+` WHERE id = $1 RETURNING challenge_due - now()`,
		e.Tenant, paceOfTenant.step).Scan(&ofTenant)
	if err != nil {
		return err
	}
	if wait := max(paceOfEndpoint.wait(ofEndpoint), paceOfTenant.wait(ofTenant)); wait > 0 {
		return &TooSoonError{wait}
	}
	return nil
}

// EndVerification records how a challenge ended, failure being the outcome of its
// attempt, empty if it was answered as it should be. It changes nothing when the
// endpoint is not asked that any more: it may have moved to another host meanwhile.
func (s *Store) EndVerification(ctx context.Context, tenant, endpoint, challenge event.ID, failure string) error {
	err := s.transact(ctx, func(tx pgx.Tx) error {
		var uid string
		err := tx.QueryRow(ctx, `
			UPDATE endpoints SET challenge = NULL, checked_at = now(), check_failure = $4
			WHERE tenant_id = $1 AND id = $2 AND challenge = $3 AND deleted_at IS NULL RETURNING coalesce(uid, '')`,
			tenant, endpoint, challenge, blank(failure)).Scan(&uid)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		news := endpointNews{kind: VerificationSucceeded}
		if failure != "" {
			news.kind = VerificationFailed
		}
		return s.on(tx).tellOfEndpoint(ctx, tenant, endpoint, uid, news)
	})
	if err != nil {
		return fmt.Errorf("end verification: %w", err)
	}
	return nil
}

// forgetVerification forgets that an endpoint was asked, and what it answered: that
// was said at another host.
func forgetVerification(ctx context.Context, tx pgx.Tx, endpoint event.ID) error {
	_, err := tx.Exec(ctx, `
		UPDATE endpoints SET challenge = NULL, checked_at = NULL, check_failure = NULL
		WHERE id = $1 AND (challenge IS NOT NULL OR checked_at IS NOT NULL)`, endpoint)
	return err
}

// SameHost reports whether two URLs, in their normal form, begin with the same scheme,
// host and port.
func SameHost(a, b string) bool {
	first, err1 := url.Parse(a)
	second, err2 := url.Parse(b)
	return err1 == nil && err2 == nil && first.Scheme == second.Scheme && first.Host == second.Host
}
