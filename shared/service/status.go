package service

import (
	"context"
	"encoding/json"
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
)

// status is what this process tells of itself to whoever asks at event.SubjectProcess.
// Who asks does not wait for anything to be looked up: that is done every step.
type status struct {
	admin *admin

	mu      sync.Mutex
	process event.Process
	works   map[string]*work // by stage
}

func newStatus(a *admin, memory int64) *status {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return &status{
		admin: a, works: make(map[string]*work),
		process: event.Process{Host: host, PID: os.Getpid(), Version: Version, Started: time.Now().UTC(), MemoryLimit: memory},
	}
}

// of is what is known of the work of a stage.
func (s *status) of(stage string) *work {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.works[stage] == nil {
		s.works[stage] = &work{}
	}
	return s.works[stage]
}

// run tells whoever asks, and looks at the end of each step, until ctx ends.
func (s *status) run(ctx context.Context, b *bus.Bus) error {
	silence, err := b.Answer(event.SubjectProcess, s.tell)
	if err != nil {
		return err
	}
	defer silence()
	for {
		s.look(ctx)
		select {
		case <-time.After(time.Until(time.Now().Truncate(event.WorkStep).Add(event.WorkStep))):
			s.sample(time.Now())
		case <-ctx.Done():
			return nil
		}
	}
}

// sample takes note of what was done until the end of a step.
func (s *status) sample(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.works {
		w.sample(now.UnixNano() / int64(event.WorkStep))
	}
}

// look finds out which stages can do their work.
func (s *status) look(ctx context.Context) {
	faults := s.admin.faults(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.process.Stages = s.process.Stages[:0:0]
	for stage, err := range faults {
		shown := event.StageWork{Stage: stage}
		if err != nil {
			shown.Fault = oneLine(err)
		}
		s.process.Stages = append(s.process.Stages, shown)
	}
	slices.SortFunc(s.process.Stages, func(a, b event.StageWork) int { return strings.Compare(a.Stage, b.Stage) })
}

// now is how the process is.
func (s *status) now() event.Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.process
	p.Memory, p.Goroutines = memoryInUse(), runtime.NumGoroutine()
	p.Stages = slices.Clone(p.Stages)
	for i := range p.Stages {
		if w := s.works[p.Stages[i].Stage]; w != nil {
			w.show(&p.Stages[i])
		}
	}
	return p
}

// tell is now as it is sent.
func (s *status) tell() []byte {
	answer, err := json.Marshal(s.now())
	if err != nil {
		return nil // nobody could read it either
	}
	return answer
}

// memoryInUse is what the system has given to this process and has not got back, in
// bytes, as far as Go knows.
func memoryInUse() int64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64() - samples[1].Value.Uint64()) //nolint:gosec // bytes of memory
}

// ShowWork has done, a counter, tell how much the stage has done, and delays, a
// histogram in seconds, how long after their acceptance events were first attempted;
// nil where the stage does not know.
func (e Env) ShowWork(done, delays prometheus.Collector) {
	if e.work != nil {
		e.work.count(done, delays)
	}
}

// Process is how this process is, as others learn of it when they ask.
func (e Env) Process() event.Process {
	if e.status == nil {
		return event.Process{}
	}
	return e.status.now()
}
