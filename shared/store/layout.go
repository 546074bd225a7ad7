package store

import (
	"context"
	"fmt"
)

// Layout reads into layout how the streams are laid out, which is the bus's affair.
// It returns ErrNotFound while nobody has said it.
func (s *Store) Layout(ctx context.Context, layout any) error {
	if err := s.db.QueryRow(ctx, `SELECT streams FROM layout`).Scan(layout); err != nil {
		return fmt.Errorf("read layout of streams: %w", interpret(err))
	}
	return nil
}

// SaveLayout says how the streams are laid out from now on.
func (s *Store) SaveLayout(ctx context.Context, layout any) error {
	_, err := s.db.Exec(ctx, `
		INSERT INTO layout (streams) VALUES ($1)
		ON CONFLICT (one) DO UPDATE SET streams = excluded.streams, changed_at = now()
		WHERE layout.streams <> excluded.streams`, layout)
	if err != nil {
		return fmt.Errorf("save layout of streams: %w", err)
	}
	return nil
}
