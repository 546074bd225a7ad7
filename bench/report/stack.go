package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/postrider/postrider/shared/stack"
)

// ours is Postrider as it is in production: a process for each stage, beside a
// nats-server and PostgreSQL with fsync.
type ours struct{ *stack.Stack }

func (o ours) URL() string   { return o.Stack.URL }
func (o ours) Token() string { return o.Stack.Token }

func startStack(ctx context.Context, dir string) (system, error) {
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		return nil, fmt.Errorf("make folder for programs: %w", err)
	}
	if err := stack.Build(ctx, bin); err != nil {
		return nil, err
	}
	started, err := stack.Start(ctx, stack.Options{Dir: dir, Bin: bin})
	if err != nil {
		return nil, err
	}
	return ours{started}, nil
}
