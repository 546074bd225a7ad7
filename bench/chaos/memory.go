package main

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/postrider/postrider/bench/metrics"
	"github.com/postrider/postrider/bench/procs"
	"github.com/postrider/postrider/shared/stack"
)

const memoryTick = time.Second

// memory is the most that each process was seen to have resident, over all its
// starts.
type memory struct {
	stop context.CancelFunc
	done chan struct{}

	mu    sync.Mutex
	peaks map[string]int64 // bytes
}

func watchMemory(ctx context.Context, s *stack.Stack) *memory {
	ctx, stop := context.WithCancel(ctx)
	m := &memory{stop: stop, done: make(chan struct{}), peaks: map[string]int64{}}
	go m.watch(ctx, s)
	return m
}

func (m *memory) watch(ctx context.Context, s *stack.Stack) {
	defer close(m.done)
	tick := time.NewTicker(memoryTick)
	defer tick.Stop()
	for {
		for name, pid := range s.Processes() {
			usage, err := procs.OfEach(map[string]int{name: pid})
			if err == nil { // else it has ended meanwhile
				m.see(name, usage[name].Peak)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (m *memory) see(name string, bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.peaks[name] = max(m.peaks[name], bytes)
}

// end returns the peaks.
func (m *memory) end() map[string]int64 {
	m.stop()
	<-m.done
	return maps.Clone(m.peaks)
}

// Caps of the servers, in bytes. They are not ours to bound: these are what they
// need here, with room.
const (
	natsCap     = 512 << 20
	postgresCap = 1 << 30
)

// memoryCap is what a process may have resident, in bytes: a stage says so itself.
// The collector heeds the limit for what it manages; programs and stacks come on
// top, which are a few MiB.
func (t *trial) memoryCap(ctx context.Context, name string) (int64, error) {
	switch {
	case name == postgres:
		return postgresCap, nil
	case strings.HasPrefix(name, natsServer):
		return natsCap, nil
	}
	told, err := metrics.Ask(ctx, t.AdminURL(name))
	if err != nil {
		return 0, fmt.Errorf("ask %s: %w", name, err)
	}
	if limit, says := told.Sum("postrider_memory_limit_bytes"); says {
		return int64(limit), nil
	}
	return 0, fmt.Errorf("%s says no memory limit", name)
}
