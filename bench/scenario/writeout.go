package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// writeOut has everything that was stored until now on disk, so that what is
// measured next does not stand in line behind what was measured before: a gigabyte
// that the system writes out when it likes to is in the way of every commit.
func (s *system) writeOut(ctx context.Context) (err error) {
	db, err := pgx.Connect(ctx, s.DatabaseURL)
	if err != nil {
		return fmt.Errorf("write out: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close(context.WithoutCancel(ctx))) }()
	if _, err := db.Exec(ctx, "CHECKPOINT"); err != nil {
		return fmt.Errorf("write out: %w", err)
	}
	syscall.Sync()
	return nil
}
