package stack

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// program is one part of the stack: a process, or the many of the database.
type program interface {
	start(ctx context.Context) error
	stop(ctx context.Context) error
	signal(sig syscall.Signal) error
	done() <-chan struct{} // closed while it does not run
	pid() int              // 0 while it does not run
	ended() (code int, err error)
}

// Names lists what can be started and signalled, servers included.
func (s *Stack) Names() []string { return slices.Sorted(maps.Keys(s.programs)) }

// StartProcess starts a process that does not run, and returns when it is ready: a
// NATS server when it has caught up with what it stores.
func (s *Stack) StartProcess(ctx context.Context, name string) error {
	if err := s.Launch(ctx, name); err != nil {
		return err
	}
	return s.AwaitReady(ctx, name)
}

// Launch starts a process that does not run, as a supervisor does: what becomes
// of it is for others to see. PostgreSQL is ready when it returns.
func (s *Stack) Launch(ctx context.Context, name string) error {
	return s.programs[name].start(ctx)
}

// AwaitReady returns when a process that was started is ready, or an error after a
// minute, or when it has ended.
func (s *Stack) AwaitReady(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, fmt.Errorf("%s is not ready within %s", name, readyTimeout))
	defer cancel()
	for !s.Ready(ctx, name) {
		select {
		case <-s.programs[name].done():
			_, err := s.programs[name].ended()
			return fmt.Errorf("await %s: %w", name, err)
		case <-ctx.Done():
			return fmt.Errorf("await %s: %w; see %s", name, context.Cause(ctx), s.Log(name))
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// Ready asks a process whether it can do its work. PostgreSQL can when it takes
// connections.
func (s *Stack) Ready(ctx context.Context, name string) bool {
	if name == Postgres {
		return s.listens(ctx, name)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.health[name], http.NoBody)
	if err != nil {
		return false
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

func (s *Stack) listens(ctx context.Context, name string) bool {
	u, err := url.Parse(s.servers[name])
	if err != nil {
		return false
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

// Signal sends a signal to a process. PostgreSQL as a whole knows SIGKILL,
// SIGSTOP and SIGCONT only.
func (s *Stack) Signal(name string, sig syscall.Signal) error { return s.programs[name].signal(sig) }

// Kill ends a process as a crash does, with SIGKILL, and returns when it is gone.
func (s *Stack) Kill(ctx context.Context, name string) error {
	if err := s.Signal(name, syscall.SIGKILL); err != nil {
		return err
	}
	_, err := s.Wait(ctx, name)
	return err
}

// Done is closed when the process, as it was last started, has ended.
func (s *Stack) Done(name string) <-chan struct{} { return s.programs[name].done() }

// Wait waits until a process has exited and returns its exit code, -1 when a
// signal killed it.
func (s *Stack) Wait(ctx context.Context, name string) (int, error) {
	select {
	case <-s.Done(name):
		code, _ := s.programs[name].ended()
		return code, nil
	case <-ctx.Done():
		return 0, fmt.Errorf("wait for %s: %w; see %s", name, context.Cause(ctx), s.Log(name))
	}
}

// Processes returns the process ids of all running processes by their names.
func (s *Stack) Processes() map[string]int {
	pids := map[string]int{}
	for name, p := range s.programs {
		if pid := p.pid(); pid != 0 {
			pids[name] = pid
		}
	}
	return pids
}

// AdminURL is where a process of a stage tells of itself.
func (s *Stack) AdminURL(name string) string { return strings.TrimSuffix(s.health[name], readyPath) }
