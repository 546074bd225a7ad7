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

// ExpungeDue removes payloads whose time has come, at most limit, and returns how
// many. Those that somebody else is at are passed over.
func (s *Store) ExpungeDue(ctx context.Context, limit int) (int, error) {
	tag, err := s.db.Exec(ctx, `
		UPDATE events e SET payload = $1, expunged_at = now()
		FROM (SELECT tenant_id, id FROM events WHERE expires_at <= now() AND expunged_at IS NULL
			LIMIT $2 FOR UPDATE SKIP LOCKED) AS due
		WHERE e.tenant_id = due.tenant_id AND e.id = due.id`, []byte(expungedPayload), limit)
	if err != nil {
		return 0, fmt.Errorf("expunge what is due: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

// ExpungeAttempt removes what was answered to an attempt of an event, and all headers
// of it; once more changes nothing. It returns ErrNotFound.
func (s *Store) ExpungeAttempt(ctx context.Context, tenant, eventID, id event.ID) error {
	tag, err := s.db.Exec(ctx, `
		UPDATE attempts SET response = $4, headers = NULL
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
