// Package meter measures what processes use while something goes on.
package meter

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/postrider/postrider/bench/procs"
)

const tick = time.Second

// Cost is what the processes used, by their names.
type Cost struct {
	CPU     map[string]time.Duration
	Memory  map[string]int64 // resident at the end, bytes
	Peak    map[string]int64 // the most of it that was seen
	Bench   time.Duration    // CPU of this process
	Elapsed time.Duration
}

// Meter measures from Start to End.
type Meter struct {
	pids   map[string]int
	start  time.Time
	before map[string]procs.Usage
	bench  time.Duration
	peak   map[string]int64 // owned by watch until stopped
	stop   context.CancelFunc
	done   chan error
}

// Start begins to measure the processes with these ids. End must be called.
func Start(ctx context.Context, pids map[string]int) (*Meter, error) {
	m := &Meter{pids: pids, start: time.Now(), peak: map[string]int64{}, done: make(chan error, 1)}
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
func (m *Meter) watch(ctx context.Context) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		usages, err := procs.OfEach(m.pids)
		if err != nil {
			return err
		}
		m.note(usages)
	}
}

func (m *Meter) note(usages map[string]procs.Usage) {
	for name, usage := range usages {
		m.peak[name] = max(m.peak[name], usage.Peak)
	}
}

// End must be called once. An error is that of a process that went away.
func (m *Meter) End() (Cost, error) {
	m.stop()
	if err := <-m.done; err != nil {
		return Cost{}, err
	}
	after, err := procs.OfEach(m.pids)
	if err != nil {
		return Cost{}, err
	}
	m.note(after)
	bench, err := procs.CPUOf(os.Getpid())
	if err != nil {
		return Cost{}, fmt.Errorf("measure the bench itself: %w", err)
	}
	c := Cost{
		CPU:     map[string]time.Duration{},
		Memory:  map[string]int64{},
		Peak:    m.peak,
		Bench:   bench - m.bench,
		Elapsed: time.Since(m.start),
	}
	for name, usage := range after {
		c.CPU[name] = usage.CPU - m.before[name].CPU
		c.Memory[name] = usage.RSS
	}
	return c, nil
}
