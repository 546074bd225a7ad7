package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/postrider/postrider/shared/event"
)

// What stands where content was that its owner had removed.
const (
	expungedPayload  = `{"expired":true}`
	expungedResponse = "EXPUNGED"
)

// ExpungeEvent removes the payload of an event; once more changes nothing. It is
// never delivered again, but for copies that travel inside messages already. It
// returns ErrNotFound.
func (s *Store) ExpungeEvent(ctx context.Context, tenant, id event.ID) error {
	tag, err := s.db.Exec(ctx, `
		UPDATE events SET payload = $3, expunged_at = coalesce(expunged_at, now())
		WHERE tenant_id = $1 AND id = $2`, tenant, id, []byte(expungedPayload))
	return expunged("event", tag, err)
}

// ExpungeAttempt removes what was answered to an attempt of an event; once more
// changes nothing. It returns ErrNotFound.
func (s *Store) ExpungeAttempt(ctx context.Context, tenant, eventID, id event.ID) error {
	tag, err := s.db.Exec(ctx, `
		UPDATE attempts SET response = $4
		WHERE tenant_id = $1 AND event_id = $2 AND id = $3`, tenant, eventID, id, []byte(expungedResponse))
	return expunged("attempt", tag, err)
}

func expunged(what string, tag pgconn.CommandTag, err error) error {
	if err == nil && tag.RowsAffected() == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("expunge %s: %w", what, err)
	}
	return nil
}
