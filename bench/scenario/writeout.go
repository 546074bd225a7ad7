package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
)

// writeOut has everything that was stored until now on disk, so that what is
// measured next does not stand in line behind what was measured before: a gigabyte
// that the system writes out when it likes to is in the way of every commit.
func (s *system) writeOut(ctx context.Context) (err error) {
	db, closed, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closed()) }()
	if _, err := db.Exec(ctx, "CHECKPOINT"); err != nil {
		return fmt.Errorf("write out: %w", err)
	}
	syscall.Sync()
	return nil
}
