package service

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/directory"
	"github.com/postrider/postrider/shared/store"
)

// connectTimeout bounds how long a process waits at its start for a server that
// does not answer.
const connectTimeout = 10 * time.Second

// errEnded: nothing lives on half dead, also not behind a stage that only stopped.
var errEnded = errors.New("ended by itself")

var errConnectTimeout = fmt.Errorf("no answer within %s", connectTimeout)

// Main is the whole main function of a stage's program: signals and exit code
// around Run.
func Main(name string, stages ...Stage) {
	os.Exit(Exit(name, func(ctx context.Context) error { //nolint:revive // it is their main
		var settings Settings
		fs := flag.NewFlagSet(name, flag.ContinueOnError)
		settings.Flags(fs, stages...)
		if err := Parse(fs, os.Args[1:], os.LookupEnv); err != nil {
			return err
		}
		return Run(ctx, settings, stages...)
	}))
}

// UsageError is what a program returns to Exit that was called wrongly.
type UsageError struct{ Err error }

// Error is the error itself.
func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns the error itself.
func (e *UsageError) Unwrap() error { return e.Err }

// Exit runs the body of a program until it returns, ending its context at the
// first SIGINT or SIGTERM (a second one kills), and returns the exit code: 0, 1, or 2
// for a *UsageError. What went wrong is one line on standard error. To be stopped
// while it still starts is nothing wrong.
func Exit(name string, run func(context.Context) error) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	log.SetOutput(hushed{os.Stderr})
	err := run(ctx)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, flag.ErrHelp):
		return 0
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return 0
	default:
		fmt.Fprintf(os.Stderr, "%s: %s\n", name, oneLine(err))
		if _, ok := errors.AsType[*UsageError](err); ok {
			return 2
		}
		return 1
	}
}

// Run brings the stages to life and returns when all have ended: after ctx
// ended, or because one could not go on, which ends the others too. A stage begins
// when what it needs is there, however long that takes. It is the whole process but
// for flags and signals, so tests call it.
//
// It is one straight function because the order is the point: each step needs
// those before it, and its undoing is deferred right there.
func Run(ctx context.Context, settings Settings, stages ...Stage) error {
	if err := Validate(settings, stages...); err != nil {
		return err
	}
	log := settings.Logger()
	policy, err := settings.policy()
	if err != nil {
		return fmt.Errorf("egress-allow: %w", err)
	}
	bytes := memory(settings, stages)
	limitMemory(bytes)
	collectRarely()
	reg := newRegistry(bytes)
	admin, err := listenAdmin(settings.AdminListen, reg)
	if err != nil {
		return err
	}
	defer admin.close()
	spans, flush, err := openTracing(ctx, settings, log, reg)
	if err != nil {
		return err
	}
	defer flush()
	db, err := store.OpenLater(ctx, settings.DatabaseURL.Reveal(), settings.Connections)
	if err != nil {
		return adviseDatabase(err)
	}
	defer db.Close()
	plain, err := useKeys(db, settings, stages)
	if err != nil {
		return err
	}
	sayPlain := sync.OnceFunc(func() { warnPlain(plain, log) }) // when the database is one to store them in
	b, err := openBus(settings, log, stages)
	if err != nil {
		return err
	}
	defer b.Close()
	dir, err := directory.New(db, log)
	if err != nil {
		return err
	}

	context.AfterFunc(ctx, admin.drain) // first it is not ready, and then, when those who send it work have heard of that, it stops
	ctx, cancel := outlive(ctx, settings.DrainDelay, context.Canceled)
	defer cancel()
	work, ctx := errgroup.WithContext(ctx)
	context.AfterFunc(ctx, admin.drain)
	defer during(context.WithoutCancel(ctx), func(ctx context.Context) { // serve the stages to their end
		follow(ctx, db, b)
	}, dir.Run)()
	reg.MustRegister(newConnections(b), admin)
	// It is no stage's own, but has to have the labels of those that are.
	prometheus.WrapRegistererWith(prometheus.Labels{"stage": ""}, reg).MustRegister(NewPool("main", db))
	servers := newServers(db, b, log, reg)
	work.Go(func() error { return servers.run(ctx) })
	about := newStatus(admin, bytes)

	for _, s := range stages {
		env := Env{
			Log:       log.With().Str("stage", s.Name()).Logger(),
			Reg:       prometheus.WrapRegistererWith(prometheus.Labels{"stage": s.Name()}, reg),
			Bus:       b,
			Store:     db,
			Directory: dir,
			Egress:    policy,
			Trace:     spans.Tracer(s.Name()),
			Drain:     settings.Drain,
			status:    about,
			work:      about.of(s.Name()),
		}
		admin.add(s, env)
		work.Go(func() error { return live(ctx, s, env, sayPlain) })
	}
	work.Go(func() error { return about.run(ctx, b) })
	return work.Wait()
}

// live is a stage from when it can begin until it has ended. begins is called when it
// does.
func live(ctx context.Context, s Stage, env Env, begins func()) error {
	if !begin(ctx, s, env) {
		return nil // ctx has ended
	}
	begins()
	env.Log.Debug().Str("version", Version).Msg("stage begins")
	if err := s.Run(ctx, env); err != nil {
		return fmt.Errorf("stage %s: %w", s.Name(), err)
	}
	if ctx.Err() == nil {
		return fmt.Errorf("stage %s: %w", s.Name(), errEnded)
	}
	return nil
}

func warnPlain(plain bool, log zerolog.Logger) {
	if plain {
		log.Warn().Msg("secrets of endpoints are stored as they are: set " + Variable("secret-keys"))
	}
}

// Validate returns what is wrong with any setting, before anything is started
// for it.
func Validate(settings Settings, stages ...Stage) error {
	faults := []error{settings.Validate()}
	for _, s := range stages {
		faults = append(faults, s.Validate())
	}
	return errors.Join(faults...)
}

// during runs all works until the function that it returns is called.
func during(ctx context.Context, works ...func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	for _, work := range works {
		all.Go(func() { work(ctx) })
	}
	return func() {
		cancel()
		all.Wait()
	}
}

// OpenStore connects to a database that is prepared for this program. Its errors
// say what to do.
func OpenStore(ctx context.Context, url string, connections int) (*store.Store, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, connectTimeout, errConnectTimeout)
	defer cancel()
	db, err := store.Open(ctx, url, connections)
	if err != nil {
		return nil, adviseDatabase(err)
	}
	if err := db.Verify(ctx); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// OpenBus connects to NATS, which must be there. Its errors say what to do.
func OpenBus(url, name string) (*bus.Bus, error) {
	b, err := bus.Connect(bus.Options{URL: url, Name: name})
	if err != nil {
		return nil, adviseNATS(err)
	}
	return b, nil
}

func openBus(settings Settings, log zerolog.Logger, stages []Stage) (*bus.Bus, error) {
	name := "postrider"
	if len(stages) == 1 {
		name = stages[0].Name()
	}
	b, err := bus.Connect(bus.Options{
		URL:     settings.NATSURL.Reveal(),
		Name:    name,
		Patient: true,
		OnError: report(log),
	})
	if err != nil {
		return nil, adviseNATS(err)
	}
	return b, nil
}

// report tells of what NATS says without being asked. What is denied once is often
// tried again and again: it is said once a second at most, and counted.
func report(log zerolog.Logger) func(error) {
	var said time.Time
	return func(err error) {
		denied, ok := errors.AsType[*bus.DeniedError](err)
		switch {
		case !ok:
			log.Warn().Err(err).Msg("NATS reports")
		case time.Since(said) >= time.Second:
			said = time.Now()
			log.Error().Err(err).Str("action", denied.Action).Str("subject", denied.Subject).Msg("NATS denies this process a right that it needs")
		}
	}
}
