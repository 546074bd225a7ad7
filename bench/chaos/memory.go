package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/postrider/postrider/bench/procs"
	"github.com/postrider/postrider/shared/stack"
)

const (
	memoryTick = time.Second
	maxMetrics = 4 << 20 // bytes
)

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
	text, err := t.metrics(ctx, name)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, "postrider_memory_limit_bytes "); ok {
			bytes, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				return 0, fmt.Errorf("read memory limit of %s: %w", name, err)
			}
			return int64(bytes), nil
		}
	}
	return 0, fmt.Errorf("%s says no memory limit", name)
}

// metrics is what a stage tells of itself.
func (t *trial) metrics(ctx context.Context, name string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.AdminURL(name)+"/metrics", http.NoBody)
	if err != nil {
		return "", fmt.Errorf("make request: %w", err)
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return "", fmt.Errorf("ask %s: %w", name, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxMetrics))
	if err != nil {
		return "", fmt.Errorf("ask %s: %w", name, err)
	}
	return string(text), nil
}
