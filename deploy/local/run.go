package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"github.com/postrider/postrider/deliver"
	"github.com/postrider/postrider/dlq"
	"github.com/postrider/postrider/fanout"
	"github.com/postrider/postrider/ingest"
	"github.com/postrider/postrider/retry"
	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/embedded"
	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/service"
)

const (
	startTimeout = 2 * time.Minute
	stopTimeout  = 5 * time.Second
)

// local is the settings of this program: those of all stages and a folder.
type local struct {
	service.Settings

	layout  bus.Layout
	dataDir string
	ingest  ingest.Stage
	stages  []service.Stage
}

func parse(args []string, lookup func(string) (string, bool)) (*local, error) {
	var l local
	l.stages = []service.Stage{&l.ingest, &fanout.Stage{}, &deliver.Stage{}, &retry.Stage{}, &dlq.Stage{}}
	fs := flag.NewFlagSet("postrider", flag.ContinueOnError)
	fs.StringVar(&l.dataDir, "data-dir", ".postrider", "`folder` of everything that is kept")
	l.Flags(fs, l.stages...)
	l.layout.Flags(fs)
	service.Default(fs, "nats-url", "")
	service.Default(fs, "log-format", "text")
	service.Default(fs, "database-connections", "16")
	service.Default(fs, "egress-allow", "127.0.0.0/8,::1/128")
	service.Default(fs, "drain-timeout", "8s") // Ctrl-C is answered within ten seconds
	if err := service.Parse(fs, args, lookup); err != nil {
		return nil, err
	}
	return &l, nil
}

// validate looks at the settings before any server is started for them. The
// addresses of those that are about to be started are not known yet.
func (l *local) validate() error {
	settings := l.Settings
	for _, url := range []*secret.URL{&settings.DatabaseURL, &settings.NATSURL} {
		if url.IsZero() {
			*url = secret.NewURL("embedded")
		}
	}
	return errors.Join(service.Validate(settings, l.stages...), l.layout.Validate())
}

// run starts the servers, prepares them, runs the stages and prints the line
// ready when events are accepted. It returns when ctx has ended and everything
// is shut down, in the order opposite to the start.
func run(ctx context.Context, args []string, lookup func(string) (string, bool), out io.Writer) (err error) {
	l, err := parse(args, lookup)
	if err != nil {
		return err
	}
	if err := l.secrets(); err != nil {
		return err
	}
	if err := l.validate(); err != nil {
		return err
	}
	if err := l.portsFree(); err != nil {
		return err // before a minute of initialising a database
	}
	log := l.Logger().Level(zerolog.WarnLevel)

	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	starting, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("not ready within %s", startTimeout))
	defer cancel()
	if l.DatabaseURL.IsZero() {
		stop, startErr := l.startPostgres(starting, log, fail)
		if startErr != nil {
			return startErr
		}
		defer func() { err = errors.Join(err, stop()) }()
	}
	if l.NATSURL.IsZero() {
		server, err := embedded.StartNATS(embedded.NATSOptions{DataDir: filepath.Join(l.dataDir, "nats"), Log: log}) //nolint:contextcheck // it takes none
		if err != nil {
			return err
		}
		defer server.Stop()
		l.NATSURL = secret.NewURL(server.URL())
	}
	if err := service.Bootstrap(starting, l.DatabaseURL.Reveal(), l.NATSURL.Reveal(), "", l.layout); err != nil {
		return err
	}
	announced := make(chan struct{})
	go func() {
		defer close(announced)
		announce(ctx, out, apiURL(&l.ingest), l.ingest.Token.Reveal(), l.EgressAllow)
	}()
	err = service.Run(ctx, l.Settings, l.stages...)
	fail(nil)
	<-announced
	if cause := context.Cause(ctx); err == nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

// startPostgres starts the server and ends everything when it dies.
func (l *local) startPostgres(ctx context.Context, log zerolog.Logger, fail context.CancelCauseFunc) (stop func() error, err error) {
	server, err := embedded.StartPostgres(ctx, embedded.PostgresOptions{DataDir: filepath.Join(l.dataDir, "postgres"), Log: log})
	if err != nil {
		return nil, err
	}
	l.DatabaseURL = secret.NewURL(server.URL())
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		<-server.Done()
		if err := server.Err(); err != nil {
			fail(err)
		}
	}()
	return func() error { //nolint:contextcheck // ctx has ended by then
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		err := server.Stop(ctx)
		<-watched
		return err
	}, nil
}

// portsFree returns an error when somebody else listens where we are about to.
func (l *local) portsFree() error {
	for _, port := range []struct{ what, address, flag string }{
		{"API port", l.ingest.Listen, "listen"},
		{"admin port", l.AdminListen, "admin-listen"},
	} {
		if port.address == "" {
			continue
		}
		listener, err := net.Listen("tcp", port.address)
		if err != nil {
			return fmt.Errorf("open %s: %w (set %s)", port.what, err, service.Variable(port.flag))
		}
		_ = listener.Close() // nobody has come yet
	}
	return nil
}
