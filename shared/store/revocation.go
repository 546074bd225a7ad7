package store

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/shared/event"
)

// Revocation ends tokens of a tenant's people: those made from First to Last.
type Revocation struct {
	Tenant      event.ID
	First, Last event.ID      // of the tokens
	Sessions    []string      // only theirs; none: all
	After       time.Duration // how long they go on
}

// Revoke ends tokens.
func (s *Store) Revoke(ctx context.Context, r Revocation) error {
	sessions := []*string{nil}
	if len(r.Sessions) > 0 {
		sessions = sessions[:0]
	}
	for i := range r.Sessions {
		sessions = append(sessions, &r.Sessions[i])
	}
	_, err := s.db.Exec(ctx, `
		INSERT INTO revocations (tenant_id, first, last, session, since)
		SELECT $1, $2, $3, session, now() + $5::interval FROM unnest($4::text[]) AS session`,
		r.Tenant, r.First, r.Last, sessions, r.After)
	if err != nil {
		return fmt.Errorf("revoke tokens: %w", interpret(err))
	}
	return nil
}

// Membership returns the uid of the tenant that a token of one of its people is
// for. It returns ErrNotFound when the token was revoked or the tenant is gone.
func (s *Store) Membership(ctx context.Context, tenant, token event.ID, session string) (uid string, err error) {
	err = s.db.QueryRow(ctx, `
		SELECT coalesce(uid, '') FROM tenants t
		WHERE id = $1 AND deleted_at IS NULL AND NOT EXISTS (
			SELECT FROM revocations r
			WHERE r.tenant_id = $1 AND r.first <= $2 AND r.last >= $2 AND (r.session IS NULL OR r.session = $3) AND r.since <= now())`,
		tenant, token, session).Scan(&uid)
	if err != nil {
		return "", fmt.Errorf("find membership: %w", interpret(err))
	}
	return uid, nil
}

// DropRevocations forgets what is of no use any more: revocations of tokens that
// were all made before the time.
func (s *Store) DropRevocations(ctx context.Context, before time.Time) error {
	if _, err := s.db.Exec(ctx, `DELETE FROM revocations WHERE last < $1`, event.FloorID(before)); err != nil {
		return fmt.Errorf("drop revocations: %w", err)
	}
	return nil
}
