package store

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/shared/event"
)

// Consumer names a reader of a tenant's events whose position is kept here. Its
// names are its own choice.
type Consumer struct {
	Tenant   event.ID
	Sink, ID string
}

// ConsumerPosition returns how far a consumer has read, or ErrNotFound when it
// never said.
func (s *Store) ConsumerPosition(ctx context.Context, c Consumer) (Position, error) {
	var raw []byte
	var p Position
	err := s.db.QueryRow(ctx, `SELECT position FROM poll_consumers WHERE tenant_id = $1 AND sink = $2 AND consumer = $3`,
		c.Tenant, c.Sink, c.ID).Scan(&raw)
	if err == nil {
		err = p.UnmarshalBinary(raw)
	}
	if err != nil {
		return Position{}, fmt.Errorf("find position: %w", interpret(err))
	}
	return p, nil
}

// MoveConsumer keeps how far a consumer has read. What is the same already is not
// written again more than once a day.
func (s *Store) MoveConsumer(ctx context.Context, c Consumer, to Position) error {
	raw, err := to.MarshalBinary()
	if err == nil {
		_, err = s.db.Exec(ctx, `
			INSERT INTO poll_consumers AS there (tenant_id, sink, consumer, position) VALUES ($1, $2, $3, $4)
			ON CONFLICT (tenant_id, sink, consumer) DO UPDATE SET position = $4, updated_at = now()
			WHERE there.position <> $4 OR there.updated_at < now() - interval '1 day'`, c.Tenant, c.Sink, c.ID, raw)
	}
	if err != nil {
		return fmt.Errorf("keep position: %w", interpret(err))
	}
	return nil
}

// DropConsumers forgets the positions of those who have not moved since.
func (s *Store) DropConsumers(ctx context.Context, since time.Time) error {
	if _, err := s.db.Exec(ctx, `DELETE FROM poll_consumers WHERE updated_at < $1`, since); err != nil {
		return fmt.Errorf("drop consumers: %w", err)
	}
	return nil
}
