package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/postrider/postrider/bench/suite"
	"github.com/postrider/postrider/shared/stack"
)

// restartPause is what lies between two starts of a process that does not stay up,
// and launchTimeout what starting one may take.
const (
	restartPause  = 500 * time.Millisecond
	launchTimeout = 30 * time.Second
)

// supervisor starts again what has ended, as systemd or an orchestrator does. It
// looks at nothing but that.
type supervisor struct {
	stack    *stack.Stack
	tell     func(string, ...any)
	stop     context.CancelFunc
	watching sync.WaitGroup

	mu       sync.Mutex
	held     map[string]chan struct{} // closed when the process may be started again
	expected map[string]bool          // was killed by us
	restarts map[string]int
	unasked  []string // ends that were nobody's wish
}

func supervise(ctx context.Context, s *stack.Stack, tell func(string, ...any)) *supervisor {
	ctx, stop := context.WithCancel(ctx)
	v := &supervisor{stack: s, tell: tell, stop: stop, held: map[string]chan struct{}{}, expected: map[string]bool{}, restarts: map[string]int{}}
	for _, name := range s.Names() {
		v.watching.Go(func() { v.watch(ctx, name) })
	}
	return v
}

// end returns when nothing is started any more.
func (v *supervisor) end() {
	v.stop()
	v.watching.Wait()
}

func (v *supervisor) watch(ctx context.Context, name string) {
	started := time.Now()
	for {
		select {
		case <-v.stack.Done(name):
		case <-ctx.Done():
			return
		}
		released := v.ended(ctx, name)
		select {
		case <-released:
		case <-ctx.Done():
			return
		}
		if time.Since(started) < restartPause && suite.Pause(ctx, restartPause) != nil {
			return
		}
		for started = time.Now(); ; {
			err := v.launch(ctx, name)
			if err == nil {
				break
			}
			v.tell("%v", err)
			if suite.Pause(ctx, restartPause) != nil {
				return
			}
		}
	}
}

func (v *supervisor) launch(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, launchTimeout, fmt.Errorf("not within %s", launchTimeout))
	defer cancel()
	return v.stack.Launch(ctx, name)
}

// ended counts an end, and returns what is closed when the process may be started
// again.
func (v *supervisor) ended(ctx context.Context, name string) <-chan struct{} {
	code, _ := v.stack.Wait(ctx, name) // it has ended
	v.mu.Lock()
	defer v.mu.Unlock()
	v.restarts[name]++
	if !v.expected[name] {
		v.unasked = append(v.unasked, fmt.Sprintf("%s (exit code %d)", name, code))
		v.tell("%s has ended by itself, with exit code %d", name, code)
	}
	delete(v.expected, name)
	if held := v.held[name]; held != nil {
		return held
	}
	now := make(chan struct{})
	close(now)
	return now
}

// kill kills a process, unless it is just being started again.
func (v *supervisor) kill(name string) error {
	v.expect(name, true)
	err := v.stack.Signal(name, syscall.SIGKILL)
	if err != nil {
		v.expect(name, false)
	}
	return err
}

func (v *supervisor) expect(name string, end bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.expected[name] = end
}

// hold keeps a process from being started again until it is released.
func (v *supervisor) hold(name string) (release func()) {
	held := make(chan struct{})
	v.mu.Lock()
	defer v.mu.Unlock()
	v.held[name] = held
	return sync.OnceFunc(func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		delete(v.held, name)
		close(held)
	})
}

// ends returns how often each process had to be started again, and which ends were
// nobody's wish.
func (v *supervisor) ends() (restarts map[string]int, unasked []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return maps.Clone(v.restarts), slices.Clone(v.unasked)
}
