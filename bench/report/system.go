package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// system is what is measured.
type system interface {
	URL() string
	Token() string
	Processes() map[string]int // process ids by name
	Stop() error
}

// attached is a system that somebody else has started, of any make.
type attached struct {
	url, token string
	processes  map[string]int
}

func (a attached) URL() string               { return a.url }
func (a attached) Token() string             { return a.token }
func (a attached) Processes() map[string]int { return a.processes }
func (attached) Stop() error                 { return nil }

// parseProcess reads name=pid.
func parseProcess(text string) (name string, pid int, err error) {
	name, number, ok := strings.Cut(text, "=")
	if ok {
		pid, err = strconv.Atoi(number)
	}
	if !ok || err != nil || name == "" || pid <= 0 {
		return "", 0, fmt.Errorf("%q is not name=pid", text)
	}
	return name, pid, nil
}

// open returns the system that the settings name, which is a fresh one of our
// own if they name none.
func open(ctx context.Context, s settings) (system, error) {
	if s.url != "" {
		return attached{s.url, s.token, s.processes}, nil
	}
	parent, err := filepath.Abs(s.dir)
	if err != nil {
		return nil, fmt.Errorf("find data directory: %w", err)
	}
	dir, err := os.MkdirTemp(parent, ".bench-")
	if err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	// PostgreSQL doesn't run as root, but as somebody who must get to its data.
	err = os.Chmod(dir, 0o711) //nolint:gosec // it can be passed through, not listed
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open data directory: %w", err), os.RemoveAll(dir))
	}
	started, err := startStack(ctx, dir)
	if err != nil {
		// What is in it may say why.
		return nil, fmt.Errorf("start the system (its logs are in %s): %w", dir, err)
	}
	return temporary{started, dir}, nil
}

// temporary is a system whose data go with it.
type temporary struct {
	system
	dir string
}

func (t temporary) Stop() error {
	if err := t.system.Stop(); err != nil {
		return fmt.Errorf("stop the system (its logs are in %s): %w", t.dir, err)
	}
	if err := os.RemoveAll(t.dir); err != nil {
		return fmt.Errorf("remove data directory: %w", err)
	}
	return nil
}
