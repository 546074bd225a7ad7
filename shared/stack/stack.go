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
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/postrider/postrider/shared/embedded"
)

// NATS and Postgres are the names of the two servers; the stages go by theirs.
const (
	NATS     = "nats-server"
	Postgres = "postgres"
)

const ingest = "ingest" // the stage with the API

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
	// NoFsync is for tests that do not measure.
	NoFsync bool
}

// Stack is a running system. Its methods are not safe for concurrent use.
type Stack struct {
	URL         string // of the API
	Token       string // of the operator
	DatabaseURL string
	NATSURL     string
	MonitorURL  string // where nats-server tells of itself

	jwtSecret string // that all of ingest share
	options   Options
	temporary bool // its folder goes with it
	postgres  *embedded.Postgres
	processes map[string]*process
	workers   []string          // the processes of all stages, in the order of their start
	admin     map[string]string // address of each one's admin port
}

// Start starts everything and returns when every stage is ready.
func Start(ctx context.Context, o Options) (s *Stack, err error) {
	s = &Stack{Token: rand.Text(), jwtSecret: rand.Text(), options: o, processes: make(map[string]*process), admin: make(map[string]string)}
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
	if err := s.prepareNATS(); err != nil {
		return s, err
	}
	if err := s.StartProcess(ctx, NATS); err != nil {
		return s, err
	}
	if err := s.bootstrap(ctx); err != nil {
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

// StartProcess starts a process that does not run, and returns when it is ready.
func (s *Stack) StartProcess(ctx context.Context, name string) error {
	p := s.processes[name]
	if err := p.start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, fmt.Errorf("%s is not ready within %s", name, readyTimeout))
	defer cancel()
	for {
		if s.ready(ctx, name) {
			return nil
		}
		select {
		case <-p.exited:
			return fmt.Errorf("start %s: %w; see %s", name, p.err, p.log)
		case <-ctx.Done():
			return fmt.Errorf("start %s: %w; see %s", name, context.Cause(ctx), p.log)
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
func (s *Stack) AdminURL(name string) string { return "http://" + s.admin[name] }

// Log is the file that a process writes its log to.
func (s *Stack) Log(name string) string { return s.processes[name].log }

// Stop ends everything: stages first, then the servers. It returns an error when
// a process did not end by itself with exit code 0.
func (s *Stack) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	var failed error
	for _, name := range append(slices.Clone(s.workers), NATS) {
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

func (s *Stack) prepareNATS() error {
	port, err1 := freePort()
	monitor, err2 := freePort()
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	s.NATSURL, s.MonitorURL = "nats://127.0.0.1:"+port, "http://127.0.0.1:"+monitor
	config := filepath.Join(s.options.Dir, "nats.conf")
	text := fmt.Sprintf("host: 127.0.0.1\nport: %s\nhttp: 127.0.0.1:%s\njetstream { store_dir: %q, sync_interval: 1s }\n",
		port, monitor, filepath.Join(s.options.Dir, "nats"))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write nats-server configuration: %w", err)
	}
	s.processes[NATS] = s.process(NATS, NATS, nil, "-c", config)
	return nil
}

func (s *Stack) prepareWorker(stage, name string) error {
	admin, err := freePort()
	if err != nil {
		return err
	}
	s.admin[name] = "127.0.0.1:" + admin
	env := []string{"POSTRIDER_ADMIN_LISTEN=" + s.admin[name]}
	if stage == ingest {
		port, err := freePort()
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

func (s *Stack) bootstrap(ctx context.Context) error {
	p := s.process("bootstrap", "bootstrap", nil)
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

// ready asks the process itself.
func (s *Stack) ready(ctx context.Context, name string) bool {
	if name == NATS {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.NATSURL[len("nats://"):])
		if err != nil {
			return false
		}
		return conn.Close() == nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.AdminURL(name)+"/readyz", http.NoBody)
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

// freePort finds a port that is free now. It is the same across restarts of the
// process that it is for, so it cannot be left to that process.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = l.Close() }()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), nil //nolint:forcetypeassert // of a TCP listener
}
