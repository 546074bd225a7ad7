// Package meter measures what a system uses while something goes on: CPU and
// memory of its processes, what PostgreSQL and NATS write, what the collector of
// each stage has to do, and how much of it there is from moment to moment.
package meter

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/postrider/postrider/bench/findings"
	"github.com/postrider/postrider/bench/procs"
	"github.com/postrider/postrider/shared/stack"
)

// Parts is what to measure. What it does not name is not looked at.
type Parts struct {
	Processes map[string]int    // ids by name
	Stages    map[string]string // URLs of admin ports by name
	Database  string            // URL of PostgreSQL
	Monitor   string            // URL at which nats-server tells of itself
}

// Of is all parts of a system that runs.
func Of(s *stack.Stack) Parts {
	p := Parts{Processes: s.Processes(), Stages: map[string]string{}, Database: s.DatabaseURL, Monitor: s.MonitorURL}
	for _, name := range s.Workers() {
		p.Stages[name] = s.AdminURL(name)
	}
	return p
}

// Cost is what was used.
type Cost struct {
	CPU     map[string]time.Duration // by name of the process
	Memory  map[string]int64         // resident at the end, bytes
	Peak    map[string]int64         // the most of it that was seen
	Bench   time.Duration            // CPU of this process
	Counts  map[Count]float64        // what was counted meanwhile
	Plots   []findings.Plot          // from moment to moment
	Elapsed time.Duration
}

// Count is what somebody counts.
type Count struct{ Of, What string }

// Meter measures from Start to End.
type Meter struct {
	parts    Parts
	servers  *servers
	start    time.Time
	before   map[string]procs.Usage
	counted  map[Count]float64
	bench    time.Duration
	recorder *recorder // owned by watch until stopped
	stop     context.CancelFunc
	done     chan error
}

// Start begins to measure. End must be called.
func Start(ctx context.Context, parts Parts) (_ *Meter, err error) {
	asked, err := connect(ctx, parts)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, asked.close(ctx))
		}
	}()
	m := &Meter{parts: parts, servers: asked, done: make(chan error, 1)}
	// What asking costs is not to be measured.
	if m.counted, err = asked.counts(ctx); err != nil {
		return nil, err
	}
	if m.bench, err = procs.CPUOf(os.Getpid()); err != nil {
		return nil, fmt.Errorf("measure the bench itself: %w", err)
	}
	if m.before, err = procs.OfEach(parts.Processes); err != nil {
		return nil, err
	}
	m.start = time.Now()
	m.recorder = newRecorder(m.start, m.before)
	ctx, m.stop = context.WithCancel(ctx)
	go func() { m.done <- m.watch(ctx) }()
	return m, nil
}

// How often there is a look. That at processes costs them nothing; each at the
// servers and the stages takes them a few milliseconds.
const (
	tick        = time.Second
	streamTicks = 2
	otherTicks  = 10
)

// watch looks until ctx ends.
func (m *Meter) watch(ctx context.Context) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := m.look(context.WithoutCancel(ctx), n); err != nil {
			return err
		}
	}
}

func (m *Meter) look(ctx context.Context, n int) error {
	usages, err := procs.OfEach(m.parts.Processes)
	if err != nil {
		return err
	}
	m.recorder.usages(usages)
	if n%streamTicks == 0 {
		err = m.servers.streams(ctx, m.recorder)
	}
	if n%otherTicks == 0 {
		err = errors.Join(err, m.servers.others(ctx, m.recorder), m.files())
	}
	return err
}

// files notes how many files and connections each process has open, but for those of
// other users. Of PostgreSQL, whose sessions are processes of their own, it is only
// the first.
func (m *Meter) files() error {
	for name, pid := range m.parts.Processes {
		n, err := procs.Files(pid)
		if errors.Is(err, fs.ErrPermission) {
			continue
		}
		if err != nil {
			return fmt.Errorf("measure %s: %w", name, err)
		}
		m.recorder.note(FilesPlot, name, float64(n))
	}
	return nil
}

// End must be called once. An error is that of a process that went away.
func (m *Meter) End(ctx context.Context) (c Cost, err error) {
	m.stop()
	watched := <-m.done
	defer func() { err = errors.Join(err, m.servers.close(ctx)) }()
	if watched != nil {
		return Cost{}, watched
	}
	after, err := procs.OfEach(m.parts.Processes)
	if err != nil {
		return Cost{}, err
	}
	elapsed := time.Since(m.start)
	m.recorder.usages(after)
	bench, err := procs.CPUOf(os.Getpid())
	if err != nil {
		return Cost{}, fmt.Errorf("measure the bench itself: %w", err)
	}
	counted, err := m.servers.counts(ctx)
	if err != nil {
		return Cost{}, err
	}
	c = Cost{
		CPU:     map[string]time.Duration{},
		Memory:  map[string]int64{},
		Peak:    m.recorder.peak,
		Bench:   bench - m.bench,
		Counts:  map[Count]float64{},
		Plots:   m.recorder.plots(),
		Elapsed: elapsed,
	}
	for name, usage := range after {
		c.CPU[name] = usage.CPU - m.before[name].CPU
		c.Memory[name] = usage.RSS
	}
	for what, n := range counted {
		c.Counts[what] = n - m.counted[what]
	}
	return c, nil
}
