package service

import (
	"context"
	"errors"
	"flag"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// fake is a stage whose work is a test's.
type fake struct {
	name     string
	run      func(context.Context, Env) error // nil: until ctx ends
	notReady error                            // after it began
	ready    func(Env, context.Context) error // nil: as notReady says
	faults   error
}

func (f *fake) Name() string      { return f.name }
func (*fake) Flags(*flag.FlagSet) {}
func (f *fake) Validate() error   { return f.faults }
func (*fake) Memory() int64       { return 1 << 30 }
func (f *fake) Ready(ctx context.Context, e Env) error {
	if f.ready != nil {
		return f.ready(e, ctx)
	}
	return f.notReady
}

func (f *fake) Run(ctx context.Context, e Env) error {
	if f.run == nil {
		<-ctx.Done()
		return nil
	}
	return f.run(ctx, e)
}

// good are settings that Run accepts, with servers of the test's own.
func good(t *testing.T) Settings {
	t.Helper()
	nats := testkit.NATS(t).URL()
	testkit.Connect(t, nats)
	return Settings{
		DatabaseURL: secret.NewURL(testkit.Database(t)), Connections: 3, NATSURL: secret.NewURL(nats),
		LogLevel: "error", LogFormat: "json", Drain: time.Minute,
	}
}

// process is a Run under way.
type process struct {
	stop  context.CancelFunc
	ended chan error
}

func start(t *testing.T, s Settings, stages ...Stage) *process {
	t.Helper()
	ctx, cancel := context.WithCancel(testkit.Context(t))
	p := &process{stop: cancel, ended: make(chan error, 1)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.ended <- Run(ctx, s, stages...)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return p
}

func (p *process) wait(t *testing.T) error {
	t.Helper()
	select {
	case err := <-p.ended:
		return err
	case <-time.After(30 * time.Second):
		t.Fatal("does not end")
		return nil
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// get asks the admin port; status 0 says that nobody listens.
func get(t *testing.T, url string) (status int, body string, header http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if _, refused := errors.AsType[*net.OpError](err); refused {
		return 0, "", nil
	}
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(text), response.Header
}
