package e2e

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/stack"
	"github.com/postrider/postrider/shared/testkit"
)

// leastRights gives each process a user of NATS and a role of PostgreSQL that may do
// what it must and nothing else.
var leastRights = stack.Options{Rights: ".."}

// TestRights runs the whole flow like that, in two shards, and nothing is denied.
func TestRights(t *testing.T) { //nolint:tparallel // the second looks at what the first has left
	t.Parallel()
	o := leastRights
	o.Env = []string{flowSchedule, "POSTRIDER_SHARDS=2"}
	s := startStackOf(t, o)
	t.Run("flow", func(t *testing.T) { testWholeFlow(t, system{s.URL, s.Token}) })
	t.Run("poison", func(t *testing.T) { testPoison(t, s) })
	t.Run("operator", func(t *testing.T) {
		for _, args := range [][]string{{"list"}, {"show", "DELIVER"}, {"show", "OVERFLOW"}, {"peek", "DLQ", "-newest"}, {"backlog", event.Tenant.Format(event.NewID())}} {
			cmd := exec.Command(filepath.Join(programs(t), "postrider"), append([]string{"streams"}, args...)...)
			cmd.Env = settings("POSTRIDER_NATS_URL=" + s.NATSURL)
			run(t, cmd)
		}
	})
	t.Run("the API tells nothing of the admin port", func(t *testing.T) {
		for _, path := range []string{"/metrics", "/readyz", "/debug/pprof/", "/debug/pprof/heap"} {
			status, _ := get(t, s.URL+path)
			require.Equal(t, http.StatusNotFound, status, path)
		}
	})
	require.NoError(t, s.Bootstrap(testkit.Context(t), "POSTRIDER_SHARDS=3"), "again, with a shard more")
	requireNothingDenied(t, s)
}

// TestRightsAfterALoss: with no other rights the streams are made again, and all that
// they had, with own lanes, an ordered endpoint and a paused one.
func TestRightsAfterALoss(t *testing.T) {
	t.Parallel()
	l := newLedger(t, leastRights)
	ctx := testkit.Context(t)
	l.producer.more(ctx, 200)
	l.lose(func() { require.NoError(t, os.RemoveAll(l.folder())) })
	l.producer.more(ctx, 200)
	l.settle()
	requireNothingDenied(t, l.Stack)
}

// testPoison puts what nobody can read on EVENTS and DELIVER, and takes it away when
// it was set aside.
func testPoison(t *testing.T, s *stack.Stack) {
	t.Helper()
	url := s.NATSURLAs("poison")
	nc, err := nats.Connect(url)
	require.NoError(t, err)
	defer nc.Close()
	subjects := []string{event.SubjectEvents, (&event.Delivery{Tenant: event.NewID(), Endpoint: event.NewID()}).Subject()}
	for _, subject := range subjects {
		require.NoError(t, nc.PublishMsg(&nats.Msg{Subject: subject, Data: []byte("nonsense"), Header: nats.Header{"Postrider-Format": {event.Format}}}))
	}
	require.NoError(t, nc.Flush())
	b, err := bus.Connect(bus.Options{URL: url, Name: "poison"})
	require.NoError(t, err)
	defer b.Close()
	for range subjects {
		var found *bus.Poisoned
		testkit.Eventually(t, func() bool {
			var err error
			found, err = b.NextPoison(testkit.Context(t), 0)
			return err == nil
		}, "it is set aside")
		require.Contains(t, subjects, found.Subject)
		require.NoError(t, b.DropPoison(testkit.Context(t), found.Sequence))
	}
}

// requireNothingDenied looks at what the processes say of themselves.
func requireNothingDenied(t *testing.T, s *stack.Stack) {
	t.Helper()
	for _, name := range s.Workers() {
		_, metrics := get(t, s.AdminURL(name)+"/metrics")
		require.Contains(t, metrics, "postrider_nats_denied_total 0\n", name)
		require.True(t, s.Ready(testkit.Context(t), name), name)
		log, err := os.ReadFile(s.Log(name))
		require.NoError(t, err)
		require.NotContains(t, string(log), "42501", "%s is denied something by PostgreSQL", name)
		require.NotContains(t, string(log), "denies", name)
	}
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(text)
}
