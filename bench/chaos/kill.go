package main

import (
	"context"
	"sync"
	"syscall"
	"time"

	"github.com/postrider/postrider/bench/suite"
)

// kill does what the plan of the seed says.
func kill(ctx context.Context, t *trial) error {
	var processes []target
	for _, name := range t.Names() {
		processes = append(processes, process(name))
	}
	var lasting sync.WaitGroup
	defer lasting.Wait()
	began := time.Now()
	for _, b := range plan(t.seed, t.span, processes, t.links()) {
		if err := suite.Pause(ctx, time.Until(began.Add(b.after))); err != nil {
			return err
		}
		t.Tell("%s is %s", b.target, b.kind)
		lasting.Go(func() { t.strike(ctx, b) })
	}
	return nil
}

// strike makes one trouble and ends it again.
func (t *trial) strike(ctx context.Context, b blow) {
	defer t.diary.begin(b.kind, b.target)()
	switch b.kind {
	case killed:
		_ = t.supervisor.kill(b.target.to) // it may have ended before
	case frozen:
		_ = t.Signal(b.target.to, syscall.SIGSTOP)
		_ = suite.Pause(ctx, b.span)
		_ = t.Signal(b.target.to, syscall.SIGCONT)
	case cutOne:
		t.link(b.target).CutOne(b.pick)
	case cut:
		t.link(b.target).Cut()
	case hung:
		t.link(b.target).Hang()
		_ = suite.Pause(ctx, b.span)
		t.link(b.target).Restore()
	default: // others are not made by plan
	}
}
