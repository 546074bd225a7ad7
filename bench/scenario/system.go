package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/postrider/postrider/bench/machine"
	"github.com/postrider/postrider/bench/receiver"
	"github.com/postrider/postrider/bench/rest"
	"github.com/postrider/postrider/shared/signature"
	"github.com/postrider/postrider/shared/stack"
)

// system is a running Postrider with two receivers: one in this process, where
// what is timed arrives, and one in a process of its own for all noise.
type system struct {
	*stack.Stack
	api         rest.Client
	secret      string // of all endpoints
	quiet, loud *sink
	watch       *stopwatch     // of what arrives at the quiet sink
	clearings   []func() error // what close does, last one first
}

const connections = 64 // to the API, at most

// with starts a fresh system for a run, and ends it.
func (b *bench) with(ctx context.Context, o stack.Options, run func(*system) error) (err error) {
	s, err := b.open(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	return run(s)
}

func (b *bench) open(ctx context.Context, o stack.Options) (s *system, err error) {
	s = &system{secret: signature.GenerateKey().Reveal(), watch: newStopwatch()}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	o.Bin, o.Env = b.Bin, append(o.Env, "POSTRIDER_LOG_LEVEL=warn")
	if s.Stack, err = stack.Temporary(ctx, b.Dir, o); err != nil {
		return s, err
	}
	s.clearings = append(s.clearings, s.Stop)
	s.api = rest.New(s.URL, s.Token, connections)
	s.clearings = append(s.clearings, func() error { s.api.Close(); return nil })
	if b.report.About == "" {
		b.report.About = b.describe(ctx, s)
	}
	for _, name := range s.Workers() {
		b.Tell("%s tells of itself at %s", name, s.AdminURL(name))
	}
	local, err := receiver.Start(ctx, receiver.Options{Secrets: []string{s.secret}, Observe: s.watch.stop})
	if err != nil {
		return s, err
	}
	s.quiet = newSink(local.URL)
	s.clearings = append(s.clearings, local.Close, s.quiet.close)
	return s, s.openLoud(ctx)
}

// describe says where and how this report was measured.
func (b *bench) describe(ctx context.Context, s *system) string {
	text := machine.Describe(ctx, s.Processes()).String()
	if b.scale < 1 {
		text = fmt.Sprintf("At a scale of %g only. %s", b.scale, text)
	}
	return text + " What makes noise has lower priority (nice 10), but for the burst."
}

func (s *system) openLoud(ctx context.Context) error {
	url, stop, err := startSink(ctx, s.secret)
	if err != nil {
		return err
	}
	s.loud = newSink(url)
	s.clearings = append(s.clearings, stop, s.loud.close)
	return nil
}

// close ends everything. The receivers go first, so that no attempt waits for
// them.
func (s *system) close() error {
	var failed error
	for _, end := range slices.Backward(s.clearings) {
		failed = errors.Join(failed, end())
	}
	return failed
}
