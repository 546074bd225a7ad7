package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/postrider/postrider/bench/procs"
)

const watchTick = time.Second

// cost is what the processes used during a phase.
type cost struct {
	cpu     map[string]time.Duration
	memory  map[string]int64 // resident at the end, bytes
	peak    map[string]int64 // the most of it
	bench   time.Duration    // CPU of this process: generator and receivers
	elapsed time.Duration
}

// meter measures what processes use from its start to its end.
type meter struct {
	pids   map[string]int
	start  time.Time
	before map[string]procs.Usage
	bench  time.Duration
	peak   map[string]int64 // owned by watch until stopped
	stop   context.CancelFunc
	done   chan error
}

func startMeter(ctx context.Context, pids map[string]int) (*meter, error) {
	m := &meter{pids: pids, start: time.Now(), peak: map[string]int64{}, done: make(chan error, 1)}
	var err error
	if m.bench, err = procs.CPUOf(os.Getpid()); err != nil {
		return nil, fmt.Errorf("measure the bench itself: %w", err)
	}
	if m.before, err = procs.OfEach(pids); err != nil {
		return nil, err
	}
	ctx, m.stop = context.WithCancel(ctx)
	go func() { m.done <- m.watch(ctx) }()
	return m, nil
}

// watch looks for the peak of memory.
func (m *meter) watch(ctx context.Context) error {
	tick := time.NewTicker(watchTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		usages, err := procs.OfEach(m.pids)
		if err != nil {
			return err
		}
		m.note(usages)
	}
}

func (m *meter) note(usages map[string]procs.Usage) {
	for name, usage := range usages {
		m.peak[name] = max(m.peak[name], usage.Peak)
	}
}

// end must be called once. An error is that of a process that went away.
func (m *meter) end() (cost, error) {
	m.stop()
	if err := <-m.done; err != nil {
		return cost{}, err
	}
	after, err := procs.OfEach(m.pids)
	if err != nil {
		return cost{}, err
	}
	m.note(after)
	bench, err := procs.CPUOf(os.Getpid())
	if err != nil {
		return cost{}, fmt.Errorf("measure the bench itself: %w", err)
	}
	c := cost{
		cpu:     map[string]time.Duration{},
		memory:  map[string]int64{},
		peak:    m.peak,
		bench:   bench - m.bench,
		elapsed: time.Since(m.start),
	}
	for name, usage := range after {
		c.cpu[name] = usage.CPU - m.before[name].CPU
		c.memory[name] = usage.RSS
	}
	return c, nil
}
