package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

func TestFirstFailureEndsTheProcess(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	begun, ended := make(chan struct{}), make(chan struct{})
	other := &fake{name: "other", run: func(ctx context.Context, _ Env) error {
		close(begun)
		<-ctx.Done()
		close(ended)
		return nil
	}}
	failing := &fake{name: "failing", run: func(context.Context, Env) error {
		<-begun
		return broken
	}}
	err := start(t, good(t), other, failing).wait(t)
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "stage failing: broken")
	select {
	case <-ended:
	default:
		t.Fatal("the other stage was not ended")
	}
}

func TestStageThatOnlyStopsEndsTheProcess(t *testing.T) {
	t.Parallel()
	other := &fake{name: "other", run: func(ctx context.Context, _ Env) error {
		<-ctx.Done()
		return nil
	}}
	stopping := &fake{name: "stopping", run: func(context.Context, Env) error { return nil }}
	require.ErrorContains(t, start(t, good(t), other, stopping).wait(t), "stage stopping: ended by itself")
}

func TestStopLetsWorkFinish(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	worked := false
	p := start(t, good(t), &fake{name: "working", ready: Env.Health, run: func(ctx context.Context, env Env) error {
		drain, done := env.DrainContext(ctx)
		defer done()
		close(begun)
		<-ctx.Done()
		// Everything is still there for what was begun.
		if err := env.Health(drain); err != nil {
			return err
		}
		worked = true
		return nil
	}})
	<-begun
	p.stop()
	require.NoError(t, p.wait(t))
	require.True(t, worked)
}

func TestStopCutsOffWhatTakesTooLong(t *testing.T) {
	t.Parallel()
	settings := good(t)
	settings.Drain = 50 * time.Millisecond
	begun := make(chan struct{})
	p := start(t, settings, &fake{name: "slow", run: func(ctx context.Context, env Env) error {
		drain, done := env.DrainContext(ctx)
		defer done()
		close(begun)
		<-drain.Done()
		return context.Cause(drain)
	}})
	<-begun
	p.stop()
	require.ErrorIs(t, p.wait(t), ErrDrainTimeout)
}

// TestDrainDelay: whoever sends the process work is told that it is not ready before
// it takes nothing more, and has as long as it was set to hear of it.
func TestDrainDelay(t *testing.T) {
	t.Parallel()
	settings := good(t)
	settings.AdminListen, settings.DrainDelay = freeAddress(t), 300*time.Millisecond
	works, told := make(chan struct{}), make(chan int, 1)
	p := start(t, settings, &fake{name: "delayed", run: func(ctx context.Context, _ Env) error {
		close(works)
		<-ctx.Done()
		status, _, _ := get(t, "http://"+settings.AdminListen+"/readyz")
		told <- status
		return nil
	}})
	testkit.Receive(t, works)
	stopped := time.Now()
	p.stop()
	require.NoError(t, p.wait(t))
	require.Equal(t, http.StatusServiceUnavailable, testkit.Receive(t, told))
	require.GreaterOrEqual(t, time.Since(stopped), settings.DrainDelay)
}

// TestFailureDoesNotDelay: a stage that cannot go on ends the process at once.
func TestFailureDoesNotDelay(t *testing.T) {
	t.Parallel()
	settings := good(t)
	settings.DrainDelay = time.Hour
	p := start(t, settings, &fake{name: "works"}, &fake{name: "fails", run: func(context.Context, Env) error { return errors.New("broken") }})
	require.ErrorContains(t, p.wait(t), "stage fails: broken")
}

func TestDrainContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		drain, done := Env{Drain: 25 * time.Second}.DrainContext(ctx)
		defer done()
		time.Sleep(time.Hour)
		require.NoError(t, drain.Err(), "as long as nobody stops it")
		stop()
		time.Sleep(25*time.Second - 1)
		synctest.Wait()
		require.NoError(t, drain.Err(), "it gets all of its time")
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		require.ErrorIs(t, context.Cause(drain), ErrDrainTimeout)
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		drain, done := Env{Drain: 25 * time.Second}.DrainContext(ctx)
		stop()
		done() // and no goroutine is left, or this test would not end
		require.ErrorIs(t, context.Cause(drain), context.Canceled)
	})
}

// TestRunRefuses: whatever is wrong at the start is one line that says what, and
// what to do.
func TestRunRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*testing.T, *Settings)
		want   []string
		is     error
	}{
		"settings": {
			change: func(_ *testing.T, s *Settings) { s.LogFormat, s.EgressAllow = "verse", "everywhere" },
			want:   []string{`log-format is "verse"`, "egress-allow", "; "},
		},
		"database URL": {
			change: func(_ *testing.T, s *Settings) { s.DatabaseURL = secret.NewURL("postgres://u:hidden@host:port/x") },
			want:   []string{"read database URL", "(set POSTRIDER_DATABASE_URL)"},
		},
		"wrong password": {
			change: func(t *testing.T, s *Settings) {
				t.Helper()
				s.DatabaseURL = secret.NewURL(withPassword(t, s.DatabaseURL.Reveal(), "hidden"))
			},
			want: []string{"reach database", "password authentication failed", "(set POSTRIDER_DATABASE_URL)"},
		},
		"database is not there": {
			change: func(_ *testing.T, s *Settings) {
				s.DatabaseURL = secret.NewURL(strings.Replace(s.DatabaseURL.Reveal(), "/test_", "/taste_", 1))
			},
			want: []string{"does not exist", "(set POSTRIDER_DATABASE_URL)"},
		},
		"database not bootstrapped": {
			change: func(t *testing.T, s *Settings) {
				t.Helper()
				s.DatabaseURL = secret.NewURL(testkit.EmptyDatabase(t))
			},
			want: []string{"database schema is older than this program: run postrider bootstrap"},
			is:   store.ErrOlderSchema,
		},
		"database of a newer version": {
			change: func(t *testing.T, s *Settings) {
				t.Helper()
				fromTheFuture(t, s.DatabaseURL.Reveal())
			},
			want: []string{"database schema is newer than this program: use the newer version"},
			is:   store.ErrNewerSchema,
		},
		"admin port taken": {
			change: func(t *testing.T, s *Settings) {
				t.Helper()
				s.AdminListen = takenAddress(t)
			},
			want: []string{"open admin port", "address already in use", "(set POSTRIDER_ADMIN_LISTEN)"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := good(t)
			test.change(t, &settings)
			stage := &fake{name: "none", ready: Env.Health, run: func(context.Context, Env) error {
				return errors.New("it was started")
			}}
			err := Run(testkit.Context(t), settings, stage)
			require.Error(t, err)
			line := oneLine(err)
			for _, want := range test.want {
				require.Contains(t, line, want)
			}
			if test.is != nil {
				require.ErrorIs(t, err, test.is)
			}
			for _, never := range []string{"\n", "goroutine", "hidden", "it was started", password(t, settings.DatabaseURL.Reveal())} {
				require.NotContains(t, line, never)
			}
		})
	}
}

// TestRunWaits: what is away at the start is waited for. Meanwhile the process
// lives, is not ready and says why; and once it is there the stage begins.
func TestRunWaits(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		away func(*testing.T, *Settings) (comes func())
		want []string
		on   string
	}{
		"for PostgreSQL": {
			away: func(t *testing.T, s *Settings) func() {
				t.Helper()
				return testkit.Outage(t, s.DatabaseURL.Reveal())
			},
			want: []string{"reach database", "not currently accepting connections"},
			on:   onPostgres,
		},
		"for NATS": {
			away: func(t *testing.T, s *Settings) func() {
				t.Helper()
				dir := t.TempDir()
				server := testkit.NATSAt(t, dir, 0)
				s.NATSURL = secret.NewURL(server.URL())
				testkit.Connect(t, s.NATSURL.Reveal()).Close()
				server.Stop()
				return func() { testkit.NATSAt(t, dir, testkit.Port(t, s.NATSURL.Reveal())) }
			},
			want: []string{"not connected to NATS"},
			on:   onNATS,
		},
		"for streams": {
			away: func(t *testing.T, s *Settings) func() {
				t.Helper()
				s.NATSURL = secret.NewURL(testkit.NATS(t).URL())
				return func() { testkit.Connect(t, s.NATSURL.Reveal()) }
			},
			want: []string{"EVENTS: stream is missing: run postrider bootstrap"},
			on:   onStream,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := good(t)
			settings.AdminListen = freeAddress(t)
			comes := test.away(t, &settings)
			begun := make(chan struct{})
			p := start(t, settings, &fake{name: "waiting", ready: Env.Health, run: func(ctx context.Context, _ Env) error {
				close(begun)
				<-ctx.Done()
				return nil
			}})
			url := "http://" + settings.AdminListen
			testkit.Eventually(t, func() bool {
				status, body, _ := get(t, url+"/readyz")
				return status == http.StatusServiceUnavailable && containsAll(body, test.want)
			}, "says that it waits: %s", test.want)
			status, _, _ := get(t, url+"/healthz")
			require.Equal(t, http.StatusOK, status)
			blocked := fmt.Sprintf(`postrider_blocked{on=%q}`, test.on)
			testkit.Eventually(t, func() bool {
				_, body, _ := get(t, url+"/metrics")
				return strings.Contains(body, blocked+" 1")
			}, "counts as blocked")
			select {
			case <-begun:
				t.Fatal("began without it")
			default:
			}
			comes()
			testkit.Receive(t, begun)
			testkit.Eventually(t, func() bool {
				status, _, _ := get(t, url+"/readyz")
				_, body, _ := get(t, url+"/metrics")
				return status == http.StatusOK && strings.Contains(body, blocked+" 0")
			}, "ready")
			p.stop()
			require.NoError(t, p.wait(t))
		})
	}
}

// TestStoppedWhileItWaits is no failure.
func TestStoppedWhileItWaits(t *testing.T) {
	t.Parallel()
	settings := good(t)
	settings.NATSURL = secret.NewURL("nats://" + freeAddress(t))
	asked := make(chan struct{}, 1)
	p := start(t, settings, &fake{name: "waiting", ready: func(e Env, ctx context.Context) error {
		select {
		case asked <- struct{}{}:
		default:
		}
		return e.Health(ctx)
	}})
	<-asked
	p.stop()
	require.NoError(t, p.wait(t))
}

// TestRefusedByNATS: who is not let in does not wait for ever.
func TestRefusedByNATS(t *testing.T) {
	t.Parallel()
	settings := good(t)
	u, err := url.Parse(settings.NATSURL.Reveal())
	require.NoError(t, err)
	u.User = url.User("hidden")
	settings.NATSURL = secret.NewURL(u.String())
	err = start(t, settings, &fake{name: "waiting", ready: Env.Health}).wait(t)
	require.ErrorContains(t, err, "connect to NATS: nats: Authorization Violation")
	require.ErrorContains(t, err, "set POSTRIDER_NATS_URL")
	require.NotContains(t, err.Error(), "hidden")
}

func containsAll(text string, want []string) bool {
	for _, w := range want {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

func TestRunRefusesStagesSettings(t *testing.T) {
	t.Parallel()
	err := Run(t.Context(), Settings{}, &fake{name: "one", faults: errors.New("one's fault")}, &fake{name: "other", faults: errors.New("other's fault")})
	require.ErrorContains(t, err, "one's fault")
	require.ErrorContains(t, err, "other's fault")
	require.ErrorContains(t, err, "database-url is not set", "all faults at once")
}

func TestBootstrap(t *testing.T) {
	t.Parallel()
	settings := good(t)
	settings.DatabaseURL, settings.NATSURL = secret.NewURL(testkit.EmptyDatabase(t)), secret.NewURL(testkit.NATS(t).URL())
	for range 2 {
		require.NoError(t, Bootstrap(testkit.Context(t), settings.DatabaseURL.Reveal(), settings.NATSURL.Reveal(), "", bus.Layout{Replicas: 1, Shards: 1}))
	}
	begun := errors.New("begun")
	stage := &fake{name: "stage", run: func(context.Context, Env) error { return begun }}
	require.ErrorIs(t, start(t, settings, stage).wait(t), begun, "stages can start")

	fromTheFuture(t, settings.DatabaseURL.Reveal())
	require.ErrorIs(t, Bootstrap(testkit.Context(t), settings.DatabaseURL.Reveal(), settings.NATSURL.Reveal(), "", bus.Layout{Replicas: 1, Shards: 1}), store.ErrNewerSchema)
}

// TestStagesHearOfShards: what one bootstrap step adds, running processes use and
// the next step cannot take away.
func TestStagesHearOfShards(t *testing.T) {
	t.Parallel()
	settings, ctx := good(t), testkit.Context(t)
	bootstrap := func(shards int) error {
		return Bootstrap(ctx, settings.DatabaseURL.Reveal(), settings.NATSURL.Reveal(), "", bus.Layout{Replicas: 1, Shards: shards})
	}
	require.NoError(t, bootstrap(2))
	begun := make(chan *bus.Bus, 1)
	p := start(t, settings, &fake{name: "stage", ready: Env.Health, run: func(ctx context.Context, env Env) error {
		begun <- env.Bus
		<-ctx.Done()
		return nil
	}})
	b := testkit.Receive(t, begun)
	require.Equal(t, 2, b.Shards())
	require.NoError(t, bootstrap(3))
	testkit.Eventually(t, func() bool { return b.Shards() == 3 }, "the process hears of it")
	require.ErrorContains(t, bootstrap(2), "shards is 2: there are 3 already")
	p.stop()
	require.NoError(t, p.wait(t))
}

// fromTheFuture makes the database look as a newer version would have left it.
func fromTheFuture(t *testing.T, database string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	_, err = conn.Exec(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true);
		UPDATE schema_compatibility SET oldest = 99999`)
	require.NoError(t, err)
}

func takenAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

func withPassword(t *testing.T, address, password string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	u.User = url.UserPassword(u.User.Username(), password)
	return u.String()
}

func password(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		return "hidden"
	}
	text, _ := u.User.Password()
	return text
}
