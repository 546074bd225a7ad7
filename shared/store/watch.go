package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// Where PostgreSQL tells of every change.
const (
	tenantsChannel    = "postrider_tenants"
	eventTypesChannel = "postrider_event_types"
)

// Watcher is told of changes by whichever process, from their commit on.
type Watcher struct {
	Reset      func()                // changes may have been missed, which is so at the start too
	Tenant     func(tenant event.ID) // or of its endpoints
	EventTypes func()                // of any
}

// Watch tells the watcher of changes until ctx ends. It returns an error when the
// connection breaks: call it again.
func (s *Store) Watch(ctx context.Context, w Watcher) error {
	conn, err := pgx.ConnectConfig(ctx, s.pool.Config().ConnConfig)
	if err != nil {
		return fmt.Errorf("watch changes: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // nothing is under way on it
	for _, channel := range []string{tenantsChannel, eventTypesChannel} {
		if _, err := conn.Exec(ctx, `LISTEN `+channel); err != nil {
			return fmt.Errorf("watch changes: %w", err)
		}
	}
	w.Reset()
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return fmt.Errorf("watch changes: %w", err)
		}
		if n.Channel == eventTypesChannel {
			w.EventTypes()
			continue
		}
		id, err := parseUUID(n.Payload)
		if err != nil {
			return fmt.Errorf("watch changes: notification %q: %w", n.Payload, err)
		}
		w.Tenant(id)
	}
}
