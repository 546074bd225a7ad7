// Package stack runs the whole of Postrider as it runs in production: five
// processes beside a nats-server process, or a cluster of them, and PostgreSQL,
// here all on the loopback address of this machine. Tests and benches drive it,
// stop, kill and start its processes one by one, and disturb the connections
// between them.
package stack

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/postrider/postrider/shared/stack/link"
)

// NATS and Postgres are the names of the two servers; the stages go by theirs. In a
// cluster NATS is the first server, and the others are nats-server-2….
const (
	NATS     = "nats-server"
	Postgres = "postgres"
)

const (
	bootstrap = "bootstrap" // the step before the stages, a command of tool
	ingest    = "ingest"    // the stage with the API
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
	// Env is further settings for all programs, as NAME=value.
	Env []string
	// Processes is how many processes a stage has; one where it says nothing. The
	// first goes by the name of its stage, the others are deliver-2, deliver-3….
	Processes map[string]int
	// NATSServers is how many servers NATS is: one, or three as a cluster, in which
	// each of them stores every stream. One where it says nothing.
	NATSServers int
	// Links leads every connection of a stage to a server, and those to the API,
	// through a link of its own.
	Links bool
	// Rights is the folder deploy of the source tree, whose files give each process a
	// user of NATS and a role of PostgreSQL of its own (deploy/nats, deploy/postgres).
	// Where it says nothing, all are one.
	Rights string
	// NoFsync is for tests that do not measure.
	NoFsync bool
}

// Stack is a running system. Its methods are safe for concurrent use.
type Stack struct {
	URL         string // of the API
	Token       string // of the operator
	DatabaseURL string
	NATSURL     string // of all servers, joined by commas; with Rights as one who may only look
	MonitorURL  string // where nats-server tells of itself, the first of a cluster

	jwtSecret string // that all of ingest share
	rights    rights
	options   Options
	temporary bool // its folder goes with it
	programs  map[string]program
	servers   map[string]string // URL of each
	nodes     []string          // the nats-servers
	workers   []string          // the processes of all stages, in the order of their start
	health    map[string]string // URL at which each one says whether it is ready
	links     map[ends]*link.Link
}

// Start starts everything and returns when every stage is ready.
func Start(ctx context.Context, o Options) (s *Stack, err error) {
	s = &Stack{
		Token: rand.Text(), jwtSecret: rand.Text(), rights: newRights(o.Rights), options: o,
		programs: map[string]program{}, servers: map[string]string{}, health: map[string]string{}, links: map[ends]*link.Link{},
	}
	defer func() { //nolint:contextcheck // stops also when ctx has ended
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	if err := s.startServers(ctx); err != nil {
		return s, err
	}
	if err := s.Bootstrap(ctx); err != nil {
		return s, err
	}
	if err := s.prepareStages(); err != nil {
		return s, err
	}
	for _, name := range s.workers {
		if err := s.StartProcess(ctx, name); err != nil {
			return s, err
		}
	}
	return s, nil
}

// Workers lists the processes of all stages, in the order of an event's way.
func (s *Stack) Workers() []string { return slices.Clone(s.workers) }

// Log is the file that a process writes its log to. PostgreSQL writes none.
func (s *Stack) Log(name string) string { return filepath.Join(s.options.Dir, name+".log") }

// Keep makes Stop leave the folder of a temporary stack there, for whoever wants
// to look into it, and returns which it is.
func (s *Stack) Keep() string {
	s.temporary = false
	return s.options.Dir
}

// Stop ends everything: stages first, then the servers. It returns an error when
// a process did not end by itself with exit code 0.
func (s *Stack) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	var failed error
	for _, name := range slices.Concat(s.workers, s.nodes, []string{Postgres}) {
		if p := s.programs[name]; p != nil {
			failed = errors.Join(failed, p.stop(ctx))
		}
	}
	for _, l := range s.links {
		failed = errors.Join(failed, l.Close())
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

// prepareStages makes the processes of all stages, without starting them.
func (s *Stack) prepareStages() error {
	for _, stage := range Stages() {
		for i := range max(s.options.Processes[stage], 1) {
			if err := s.prepareWorker(stage, numbered(stage, i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// numbered: the first goes by the name itself.
func numbered(name string, i int) string {
	if i == 0 {
		return name
	}
	return name + "-" + strconv.Itoa(i+1)
}

func (s *Stack) prepareWorker(stage, name string) error {
	admin, err := freeAddress()
	if err != nil {
		return err
	}
	s.health[name] = "http://" + admin + readyPath
	env := []string{"POSTRIDER_ADMIN_LISTEN=" + admin}
	if stage == ingest {
		api, err := freeAddress()
		if err != nil {
			return err
		}
		env = append(env, "POSTRIDER_LISTEN="+api, "POSTRIDER_TOKEN="+s.Token, "POSTRIDER_JWT_SECRET="+s.jwtSecret)
		if name == ingest {
			address, err := s.connect(Client, name, api)
			if err != nil {
				return err
			}
			s.URL = "http://" + address
		}
	}
	servers, err := s.wire(stage, name)
	if err != nil {
		return err
	}
	s.programs[name] = s.process(stage, name, slices.Concat(servers, env))
	s.workers = append(s.workers, name)
	return nil
}

// From makes bin the folder that programs are started from, whatever starts next:
// those of another version, say. Nothing may be starting meanwhile.
func (s *Stack) From(bin string) {
	s.options.Bin = bin
	for _, p := range s.programs {
		if p, ok := p.(*process); ok {
			p.program = filepath.Join(bin, filepath.Base(p.program))
		}
	}
}

// Set gives programs further settings, as NAME=value, that count for whatever starts
// next. Nothing may be starting meanwhile.
func (s *Stack) Set(env ...string) {
	s.options.Env = slices.Concat(s.options.Env, env)
	for _, p := range s.programs {
		if p, ok := p.(*process); ok {
			p.env = slices.Concat(p.env, env)
		}
	}
}

// Bootstrap runs the bootstrap step, again and with further settings if need be.
func (s *Stack) Bootstrap(ctx context.Context, env ...string) error {
	program, args := tool, []string{bootstrap}
	if _, err := os.Stat(filepath.Join(s.options.Bin, bootstrap)); err == nil { // of a version that has a program for it
		program, args = bootstrap, nil
	}
	p := s.process(program, bootstrap, slices.Concat([]string{
		"POSTRIDER_DATABASE_URL=" + s.DatabaseURL, "POSTRIDER_NATS_URL=" + s.NATSURLAs(bootstrap), "POSTRIDER_REPLICAS=" + strconv.Itoa(len(s.nodes)),
	}, s.rights.bootstrap(), env), args...)
	if err := p.start(ctx); err != nil {
		return err
	}
	select {
	case <-p.done():
	case <-ctx.Done():
		return errors.Join(context.Cause(ctx), p.stop(context.WithoutCancel(ctx)))
	}
	if _, err := p.ended(); err != nil {
		return fmt.Errorf("bootstrap: %w", err)
	}
	return nil
}

func (s *Stack) process(program, name string, env []string, args ...string) *process {
	return &process{
		name:    name,
		program: filepath.Join(s.options.Bin, program),
		args:    args,
		env:     slices.Concat(os.Environ(), []string{"POSTRIDER_EGRESS_ALLOW=127.0.0.0/8"}, s.options.Env, env),
		log:     s.Log(name),
	}
}
