// Package ingest is the HTTP front door: it commits events to PostgreSQL,
// answers, and publishes them for fanout; and it serves the management API. It
// goes on accepting while NATS is away.
package ingest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/shared/service"
)

// Stage is the ingest stage. Its exported fields are its settings.
type Stage struct {
	Listen     string
	Token      string
	MaxBody    int64
	SweepDelay time.Duration
	Retention  time.Duration
}

// Name implements service.Stage.
func (*Stage) Name() string { return "ingest" }

// Flags implements service.Stage.
func (s *Stage) Flags(fs *flag.FlagSet) {
	fs.StringVar(&s.Listen, "listen", "127.0.0.1:8071", "`address` of the API")
	fs.StringVar(&s.Token, "token", "", "operator `token` that the API accepts")
	fs.Int64Var(&s.MaxBody, "max-body", 1<<20, "largest request body in `bytes`")
	fs.DurationVar(&s.SweepDelay, "rational-delay", 5*time.Second, "how long an accepted event may stay unpublished before it is published again")
	fs.DurationVar(&s.Retention, "retention", 90*24*time.Hour, "how long events and attempts are kept")
}

// Ready implements service.Stage. NATS is not needed to accept events.
func (*Stage) Ready(ctx context.Context, env service.Env) error { return env.Store.Health(ctx) }

// Validate implements service.Stage.
func (s *Stage) Validate() error {
	var faults []error
	if s.Token == "" {
		faults = append(faults, errors.New("token is not set: set POSTRIDER_TOKEN"))
	}
	if s.MaxBody < 1<<10 || s.MaxBody > 64<<20 {
		faults = append(faults, fmt.Errorf("max-body is %d: must be 1 KiB to 64 MiB", s.MaxBody))
	}
	if s.SweepDelay <= 0 {
		faults = append(faults, fmt.Errorf("rational-delay is %s: must be above 0", s.SweepDelay))
	}
	if s.Retention < 48*time.Hour {
		faults = append(faults, fmt.Errorf("retention is %s: must be at least 48h, the time that keys are remembered", s.Retention))
	}
	return errors.Join(faults...)
}

// Run implements service.Stage. When ctx ends it answers the requests that have
// come in and publishes what they had accepted.
func (s *Stage) Run(ctx context.Context, env service.Env) error {
	names, err := newNames(env.Store)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", s.Listen)
	if err != nil {
		return fmt.Errorf("open API port: %w (set POSTRIDER_LISTEN)", err)
	}
	drain, done := env.DrainContext(ctx)
	defer done()

	metrics := newMetrics(env.Reg)
	outbox := newOutbox(drain, env, metrics)
	writer := newWriter(drain, env.Store, outbox, metrics)
	server := s.server(env, writer, outbox, names)
	silent := watchSilent(server)

	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve API: %w", err)
		}
		return nil
	})
	work.Go(func() error {
		<-ctx.Done()
		err := shutdown(drain, server, silent) // callers get their answer, so the writer must still work
		writer.close()
		outbox.close()
		if err != nil {
			return fmt.Errorf("finish requests: %w", err)
		}
		return nil
	})
	work.Go(func() error { return outbox.sweep(ctx, s.SweepDelay) })
	work.Go(func() error { return upkeep(ctx, env, s.Retention) })
	return work.Wait()
}

func (s *Stage) server(env service.Env, writer *writer, outbox *outbox, names *names) *http.Server {
	return &http.Server{
		Handler: api.New(api.Config{
			Store:     env.Store,
			Acceptor:  writer,
			Announcer: outbox,
			Names:     names,
			Health: func(ctx context.Context) api.Health {
				return api.Health{Database: env.Store.Health(ctx), Queue: env.Bus.Health()}
			},
			Token:   s.Token,
			Egress:  env.Egress,
			MaxBody: s.MaxBody,
			Log:     env.Log,
		}),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
}
