package main

import (
	"context"
	"maps"
	"strings"
	"sync"
	"time"

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

// memoryCap is what a process may have resident, in bytes.
func memoryCap(name string) int64 {
	const mib = 1 << 20
	switch {
	case name == postgres:
		return 1024 * mib
	case strings.HasPrefix(name, natsServer), strings.HasPrefix(name, deliverStage):
		return 512 * mib
	default:
		return 256 * mib
	}
}
