package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/postrider/postrider/bench/meter"
	"github.com/postrider/postrider/shared/stack"
)

// system is what is measured.
type system interface {
	URL() string
	Token() string
	Parts() meter.Parts
	Stop() error
}

// attached is a system that somebody else has started, of any make.
type attached struct {
	url, token string
	processes  map[string]int
}

func (a attached) URL() string        { return a.url }
func (a attached) Token() string      { return a.token }
func (a attached) Parts() meter.Parts { return meter.Parts{Processes: a.processes} }
func (attached) Stop() error          { return nil }

// ours is Postrider as it is in production: a process for each stage, beside a
// nats-server and PostgreSQL with fsync. Its data go with it.
type ours struct{ *stack.Stack }

func (o ours) URL() string   { return o.Stack.URL }
func (o ours) Token() string { return o.Stack.Token }

// Parts are all of them, servers included.
func (o ours) Parts() meter.Parts { return meter.Of(o.Stack) }

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
	started, err := stack.Temporary(ctx, s.dir, stack.Options{})
	if err != nil {
		return nil, err
	}
	return ours{started}, nil
}
