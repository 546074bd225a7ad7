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
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/ingest/door"
	"github.com/postrider/postrider/shared/archive"
	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/service"
	"github.com/postrider/postrider/shared/token"
)

// Stage is the ingest stage. Its exported fields are its settings.
type Stage struct {
	APIRole     secret.URL // URL of the database with the role of the API; empty: the same as of all else
	Listen      string
	Token       secret.String
	JWTSecret   secret.String
	PortalURL   string
	Verify      bool
	MaxBody     int64
	MaxBatch    int64
	SweepDelay  time.Duration
	Retention   time.Duration
	Archive     string
	TraceSample float64 // share of the requests
	Pages       Pages
	Front       Front

	gate atomic.Pointer[gate] // nil before Run
}

// Name implements service.Stage.
func (*Stage) Name() string { return "ingest" }

// Flags implements service.Stage.
func (s *Stage) Flags(fs *flag.FlagSet) {
	fs.Var(&s.APIRole, "api-database-url", "PostgreSQL `URL` with the role of the API, which sees only the tenant that it serves; empty for that of database-url")
	fs.StringVar(&s.Listen, "listen", "127.0.0.1:8071", "`address` of the API")
	fs.Var(&s.Token, "token", "operator `token` that the API accepts")
	fs.Var(&s.JWTSecret, "jwt-secret", "`secret` that signs tokens of operators and applications")
	fs.StringVar(&s.PortalURL, "portal-url", "", "`URL` of the portal that application tokens are for; empty for the host of the API")
	fs.BoolVar(&s.Verify, "verify-endpoints", false, "send nothing to new endpoints of applications before they have answered a challenge; to those at a new host too")
	fs.Int64Var(&s.MaxBody, "max-body", 1<<20, "largest request body in `bytes`")
	fs.Int64Var(&s.MaxBatch, "max-batch-body", 8<<20, "largest body of a request with many messages in `bytes`")
	fs.DurationVar(&s.SweepDelay, "rational-delay", 5*time.Second, "how long an accepted event may stay unpublished before it is published again")
	fs.DurationVar(&s.Retention, "retention", 90*24*time.Hour, "how long events and attempts are kept")
	fs.StringVar(&s.Archive, "archive", "", "`address` of the archive that days older than the retention go to, file:///folder or s3://bucket/prefix; empty for none")
	fs.Float64Var(&s.TraceSample, "trace-sample", 0.01, "`share` of the requests that are traced where otlp-endpoint is set, from 0 to 1, beside those whose callers wish it")
	s.Pages.flags(fs)
	s.Front.flags(fs)
}

// Memory implements service.Stage: bodies of requests, and as much again for their rows and messages, some caches.
func (*Stage) Memory() int64 { return 512 << 20 }

// Ready implements service.Stage. NATS is not needed to accept events. That the
// database is there again is not enough: the gate must have found it, too.
func (s *Stage) Ready(ctx context.Context, env service.Env) error {
	if err := env.Store.Health(ctx); err != nil {
		return err
	}
	if g := s.gate.Load(); g != nil {
		return g.lost()
	}
	return nil
}

// HoldsKeys implements service.Keyholder: what endpoints are called with is written and shown.
func (*Stage) HoldsKeys() {}

// Validate implements service.Stage.
func (s *Stage) Validate() error {
	var faults []error
	if !s.JWTSecret.IsZero() && len(s.JWTSecret.Reveal()) < token.MinSecret {
		faults = append(faults, fmt.Errorf("jwt-secret is too short: must be at least %d bytes", token.MinSecret))
	}
	if !isPortal(s.PortalURL) {
		faults = append(faults, fmt.Errorf("portal-url is %q: must be a URL such as https://portal.example.com", s.PortalURL))
	}
	if s.MaxBody < 1<<10 || s.MaxBody > 64<<20 {
		faults = append(faults, fmt.Errorf("max-body is %d: must be 1 KiB to 64 MiB", s.MaxBody))
	}
	if s.MaxBatch < 1<<10 || s.MaxBatch > 64<<20 {
		faults = append(faults, fmt.Errorf("max-batch-body is %d: must be 1 KiB to 64 MiB", s.MaxBatch))
	}
	if s.SweepDelay <= 0 {
		faults = append(faults, fmt.Errorf("rational-delay is %s: must be above 0", s.SweepDelay))
	}
	if s.Retention < 48*time.Hour {
		faults = append(faults, fmt.Errorf("retention is %s: must be at least 48h, the time that keys are remembered", s.Retention))
	}
	if !(s.TraceSample >= 0 && s.TraceSample <= 1) { // or it is NaN
		faults = append(faults, fmt.Errorf("trace-sample is %v: must be 0 to 1", s.TraceSample))
	}
	if s.Archive != "" {
		if _, err := s.openArchive(); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(append(faults, s.Pages.validate(), s.Front.validate())...)
}

// openArchive returns the place that the settings name, without looking at it.
func (s *Stage) openArchive() (archive.Place, error) {
	place, err := archive.Open(s.Archive, os.LookupEnv)
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	return place, nil
}

// isPortal reports whether text can be the beginning of the portal's addresses.
func isPortal(text string) bool {
	if text == "" {
		return true
	}
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

// Run implements service.Stage. When ctx ends it answers the requests that have
// come in and publishes what they had accepted.
func (s *Stage) Run(ctx context.Context, env service.Env) error {
	names, err := newNames(env.Store)
	if err != nil {
		return err
	}
	keys, err := newKeys(env.Store)
	if err != nil {
		return err
	}
	defer keys.close()
	if s.Token.IsZero() && s.JWTSecret.IsZero() {
		env.Log.Warn().Msg("neither POSTRIDER_TOKEN nor POSTRIDER_JWT_SECRET is set: only API keys are accepted")
	}
	options, err := s.Front.options(env)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", s.Listen)
	if err != nil {
		return fmt.Errorf("open API port: %w (set POSTRIDER_LISTEN)", err)
	}
	retention, closeArchive, err := s.newRetention(env)
	if err != nil {
		return err
	}
	defer closeArchive()
	drain, done := env.DrainContext(ctx)
	defer done()

	stores, err := s.openStores(ctx, env)
	if err != nil {
		return err
	}
	defer stores.close()

	metrics := newMetrics(env.Reg)
	env.ShowWork(metrics.accepted.WithLabelValues("accepted"), nil)
	outbox := newOutbox(drain, env, metrics)
	writer := newWriter(drain, stores.commits, outbox, metrics)
	s.gate.Store(writer.gate)
	options.Handler = s.api(env, api.Config{
		Store: stores.api, Acceptor: writer, Announcer: outbox, Names: names, Keys: keys, Stopping: ctx.Done(),
		Gate: writer.gate.shut, Refused: metrics.shed.Inc, Limited: metrics.limit, Client: options.Trusted.Client,
	})
	if options.Handler, err = s.Pages.before(options.Handler, env.Log, ctx.Done()); err != nil {
		return err
	}
	front := door.New(options)

	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error {
		if err := front.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve API: %w", err)
		}
		return nil
	})
	work.Go(func() error {
		<-ctx.Done()
		err := front.Shutdown(drain) // callers get their answer, so the writer must still work
		writer.close()
		outbox.close()
		if err != nil {
			return fmt.Errorf("finish requests: %w", err)
		}
		return nil
	})
	for _, watch := range []func(context.Context){writer.watch, front.Watch} {
		work.Go(func() error {
			watch(ctx)
			return nil
		})
	}
	work.Go(func() error { return outbox.sweep(ctx, s.SweepDelay) })
	work.Go(func() error { return env.ShowBacklog(ctx, outbox.backlog) })
	work.Go(func() error { return upkeep(ctx, env, s.Retention, metrics) })
	work.Go(func() error { return retention.run(ctx) })
	work.Go(func() error { return expunge(ctx, env) })
	work.Go(func() error { return countActivity(ctx, env) })
	return work.Wait()
}

// api is the API, made of the parts given and what the settings say.
func (s *Stage) api(env service.Env, parts api.Config) http.Handler {
	parts.Health = func(ctx context.Context) api.Health {
		return api.Health{Database: s.Ready(ctx, env), Queue: env.Bus.Health()}
	}
	talk := newTalk(env.Bus)
	parts.Talk, parts.Lanes = talk.now, talk.lanes
	parts.Fleet = newFleet(env.Bus, env.Process).now
	parts.Look = newStreams(env.Bus).now
	parts.Token, parts.Secret = s.Token, s.JWTSecret
	parts.Verify = s.Verify
	parts.Portal = strings.TrimSuffix(s.PortalURL, "/")
	parts.Egress = env.Egress
	parts.Retention = s.Retention
	parts.MaxBody, parts.MaxBatch = s.MaxBody, s.MaxBatch
	parts.Origins = s.Front.origins(s.PortalURL)
	parts.FailedLogins, parts.KeyRate, parts.MemberRate = s.Front.FailedLogins, s.Front.KeyRate, s.Front.MemberRate
	parts.Log = env.Log
	parts.Traces = env.Trace.Door(s.TraceSample)
	return api.New(parts)
}
