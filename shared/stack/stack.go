// Package stack runs the whole of Postrider as it runs in production: five
// processes beside a nats-server process and PostgreSQL, here all on the
// loopback address of this machine. Tests and benches drive it, and stop, kill
// and start its processes one by one.
package stack

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/postrider/postrider/shared/embedded"
)

// NATS and Postgres are the names of the two servers; the stages go by theirs. In a
// cluster NATS is the first server, and the others are nats-server-2….
const (
	NATS     = "nats-server"
	Postgres = "postgres"
)

const (
	ingest    = "ingest" // the stage with the API
	readyPath = "/readyz"
)

const (
	readyTimeout = time.Minute
	stopTimeout  = 40 * time.Second
)

// Stages lists the five stages, in the order of an event's way.
func Stages() []string { return []string{ingest, "fanout", "deliver", "retry", "dlq"} }

// Options tell how to run.
type Options struct {
	// Dir gets all data and one log file a process. It must be traversable by
	// the user that PostgreSQL runs as, if that is another one.
	Dir string
	// Bin is the folder of the programs, as Build makes them.
	Bin string
	// Env is further settings for all stages, as NAME=value.
	Env []string
	// Processes is how many processes a stage has; one where it says nothing. The
	// first goes by the name of its stage, the others are deliver-2, deliver-3….
	Processes map[string]int
	// NATSServers is how many servers NATS is: one, or three as a cluster, in which
	// each of them stores every stream. One where it says nothing.
	NATSServers int
	// NoFsync is for tests that do not measure.
	NoFsync bool
}

// Stack is a running system. Its methods are not safe for concurrent use.
type Stack struct {
	URL         string // of the API
	Token       string // of the operator
	DatabaseURL string
	NATSURL     string // of all servers, joined by commas
	MonitorURL  string // where nats-server tells of itself, the first of a cluster

	jwtSecret string // that all of ingest share
	options   Options
	temporary bool // its folder goes with it
	postgres  *embedded.Postgres
	processes map[string]*process
	servers   []string          // the processes of NATS
	workers   []string          // the processes of all stages, in the order of their start
	health    map[string]string // URL at which each one says whether it is ready
}

// Start starts everything and returns when every stage is ready.
func Start(ctx context.Context, o Options) (s *Stack, err error) {
	s = &Stack{Token: rand.Text(), jwtSecret: rand.Text(), options: o, processes: make(map[string]*process), health: make(map[string]string)}
	defer func() { //nolint:contextcheck // stops also when ctx has ended
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	s.postgres, err = embedded.StartPostgres(ctx, embedded.PostgresOptions{DataDir: filepath.Join(o.Dir, "postgres"), NoFsync: o.NoFsync})
	if err != nil {
		return s, err
	}
	s.DatabaseURL = s.postgres.URL()
	if err := s.startNATS(ctx); err != nil {
		return s, err
	}
	if err := s.Bootstrap(ctx); err != nil {
		return s, err
	}
	for _, stage := range Stages() {
		if err := s.startStage(ctx, stage); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (s *Stack) startStage(ctx context.Context, stage string) error {
	for i := range max(s.options.Processes[stage], 1) {
		name := stage
		if i > 0 {
			name += "-" + strconv.Itoa(i+1)
		}
		if err := s.prepareWorker(stage, name); err != nil {
			return err
		}
		if err := s.StartProcess(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// StartProcess starts a process that does not run, and returns when it is ready: a
// NATS server when it has caught up with what it stores.
func (s *Stack) StartProcess(ctx context.Context, name string) error {
	if err := s.processes[name].start(); err != nil {
		return err
	}
	return s.AwaitReady(ctx, name)
}

// AwaitReady returns when a process that was started is ready, or an error after a
// minute, or when it has ended.
func (s *Stack) AwaitReady(ctx context.Context, name string) error {
	p := s.processes[name]
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, fmt.Errorf("%s is not ready within %s", name, readyTimeout))
	defer cancel()
	for {
		if s.Ready(ctx, name) {
			return nil
		}
		select {
		case <-p.exited:
			return fmt.Errorf("await %s: %w; see %s", name, p.err, p.log)
		case <-ctx.Done():
			return fmt.Errorf("await %s: %w; see %s", name, context.Cause(ctx), p.log)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Signal sends a signal to a process.
func (s *Stack) Signal(name string, sig syscall.Signal) error {
	if err := s.processes[name].cmd.Process.Signal(sig); err != nil {
		return fmt.Errorf("signal %s: %w", name, err)
	}
	return nil
}

// Kill ends a process as a crash does, with SIGKILL, and returns when it is gone.
func (s *Stack) Kill(ctx context.Context, name string) error {
	if err := s.Signal(name, syscall.SIGKILL); err != nil {
		return err
	}
	_, err := s.Wait(ctx, name)
	return err
}

// Wait waits until a process has exited and returns its exit code, -1 when a
// signal killed it.
func (s *Stack) Wait(ctx context.Context, name string) (int, error) {
	p := s.processes[name]
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("wait for %s: %w; see %s", name, context.Cause(ctx), p.log)
	}
}

// Processes returns the process ids of all running processes by their names.
func (s *Stack) Processes() map[string]int {
	pids := map[string]int{Postgres: s.postgres.Pid()}
	for name, p := range s.processes {
		if p.running() {
			pids[name] = p.cmd.Process.Pid
		}
	}
	return pids
}

// AdminURL is where a process of a stage tells of itself.
func (s *Stack) AdminURL(name string) string { return strings.TrimSuffix(s.health[name], readyPath) }

// Log is the file that a process writes its log to.
func (s *Stack) Log(name string) string { return s.processes[name].log }

// Stop ends everything: stages first, then the servers. It returns an error when
// a process did not end by itself with exit code 0.
func (s *Stack) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	var failed error
	for _, name := range slices.Concat(s.workers, s.servers) {
		if p := s.processes[name]; p != nil {
			failed = errors.Join(failed, p.stop(ctx))
		}
	}
	if s.postgres != nil {
		failed = errors.Join(failed, s.postgres.Stop(ctx))
	}
	switch {
	case !s.temporary:
		return failed
	case failed != nil:
		return fmt.Errorf("%w (logs are in %s)", failed, s.options.Dir)
	}
	if err := os.RemoveAll(s.options.Dir); err != nil {
		return fmt.Errorf("remove folder of the stack: %w", err)
	}
	return nil
}

func (s *Stack) prepareWorker(stage, name string) error {
	admin, err := FreePort()
	if err != nil {
		return err
	}
	s.health[name] = "http://127.0.0.1:" + admin + readyPath
	env := []string{"POSTRIDER_ADMIN_LISTEN=127.0.0.1:" + admin}
	if stage == ingest {
		port, err := FreePort()
		if err != nil {
			return err
		}
		if name == ingest {
			s.URL = "http://127.0.0.1:" + port
		}
		env = append(env, "POSTRIDER_LISTEN=127.0.0.1:"+port, "POSTRIDER_TOKEN="+s.Token, "POSTRIDER_JWT_SECRET="+s.jwtSecret)
	}
	s.processes[name] = s.process(stage, name, env)
	s.workers = append(s.workers, name)
	return nil
}

// Bootstrap runs the bootstrap step, again and with further settings if need be.
func (s *Stack) Bootstrap(ctx context.Context, env ...string) error {
	p := s.process("bootstrap", "bootstrap", append([]string{"POSTRIDER_REPLICAS=" + strconv.Itoa(len(s.servers))}, env...))
	if err := p.start(); err != nil {
		return err
	}
	select {
	case <-p.exited:
	case <-ctx.Done():
		return errors.Join(context.Cause(ctx), p.stop(context.WithoutCancel(ctx)))
	}
	if p.err != nil {
		return fmt.Errorf("bootstrap: %w; see %s", p.err, p.log)
	}
	return nil
}

func (s *Stack) process(program, name string, env []string, args ...string) *process {
	return &process{
		name:    name,
		program: filepath.Join(s.options.Bin, program),
		args:    args,
		env: slices.Concat(os.Environ(), []string{
			"POSTRIDER_DATABASE_URL=" + s.DatabaseURL,
			"POSTRIDER_NATS_URL=" + s.NATSURL,
			"POSTRIDER_EGRESS_ALLOW=127.0.0.0/8",
		}, s.options.Env, env),
		log: filepath.Join(s.options.Dir, name+".log"),
	}
}

// Ready asks a process whether it can do its work.
func (s *Stack) Ready(ctx context.Context, name string) bool {
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

// Names lists the processes that can be started and signalled, servers included.
func (s *Stack) Names() []string { return slices.Sorted(maps.Keys(s.processes)) }
