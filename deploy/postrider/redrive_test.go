package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/dlq"
	"github.com/postrider/postrider/ingest"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/service"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// anAPI runs the stages that redriving needs, and returns what reaches it.
func anAPI(t *testing.T, database, nats string) map[string]string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	var settings service.Settings
	all := []service.Stage{&ingest.Stage{}, &dlq.Stage{}}
	fs := flag.NewFlagSet("test", flag.ContinueOnError)
	settings.Flags(fs, all...)
	require.NoError(t, service.Parse(fs, []string{
		"-database-url", database, "-nats-url", nats, "-listen", address, "-admin-listen", "", "-token", "hush", "-log-level", "error",
	}, func(string) (string, bool) { return "", false }))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- service.Run(ctx, settings, all...) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	url := "http://" + address
	testkit.Eventually(t, func() bool {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/api/v1/health/ping", http.NoBody)
		require.NoError(t, err)
		response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusNoContent
	}, "the API answers")
	return map[string]string{"POSTRIDER_API_URL": url + "/", "POSTRIDER_TOKEN": "hush"}
}

func TestRedrive(t *testing.T) {
	t.Parallel()
	database, nats := testkit.Database(t), testkit.NATS(t).URL()
	s := testkit.Open(t, database)
	testkit.Connect(t, nats)
	tenant := testkit.Tenant(t, s)
	hook, slow := testkit.Endpoint(t, s, tenant, "https://example.com/a"), testkit.Endpoint(t, s, tenant, "https://example.com/b")
	var letters []store.DeadLetter
	for n := range 6 {
		e := event.Event{ID: event.NewID(), Tenant: tenant, Type: "invoice.paid", Payload: []byte("{}")}
		_, batches, err := s.Accept(t.Context(), []store.NewEvent{{Event: e}}, 1<<20)
		require.NoError(t, err)
		require.NoError(t, s.MarkPublished(t.Context(), []store.Published{{Batch: batches[0].ID}}))
		letter := store.DeadLetter{Tenant: tenant, Endpoint: hook.ID, Event: e.ID, Type: e.Type, Reason: "timeout", Attempts: 8}
		if n >= 4 {
			letter.Endpoint, letter.Reason = slow.ID, "rejected"
		}
		letters = append(letters, letter)
	}
	require.NoError(t, s.RecordDeadLetters(t.Context(), letters))
	env := anAPI(t, database, nats)
	app, endpoint := event.Tenant.Format(tenant), event.Endpoint.Format(hook.ID)
	redriven := func(args ...string) string {
		t.Helper()
		return must(t, env, append([]string{"redrive"}, args...)...)
	}
	require.Regexp(t, `qtask_\w+ finished: looked at \d+ of \d+, 0 on their way again\n$`, redriven(app, "-reason", "timeout", "-until", "24h"))
	require.Regexp(t, `finished: looked at 4 of 4, 4 on their way again\n$`, redriven(app, endpoint, "-reason", "timeout", "-since", "1h", "-event-types", "invoice.paid,invoice.sent"))
	require.Equal(t, 4, testkit.StreamMessages(t, nats, event.StreamDeliver))
	require.Regexp(t, `^qtask_\w+ \w+: looked at`, redriven(app, "-no-wait"))
	testkit.Eventually(t, func() bool { return testkit.StreamMessages(t, nats, event.StreamDeliver) == 6 }, "it is done all the same")
	testkit.Eventually(t, func() bool {
		left, err := s.CountDeadLetters(testkit.Context(t), store.LetterFilter{Tenant: tenant}, 1)
		require.NoError(t, err)
		return len(left.ByReason) == 0
	}, "and committed")
	require.Regexp(t, `finished: looked at 0 of 0, 0 on their way again\n$`, redriven("-all"))

	_, err := do(t, env, "redrive", "nobody")
	require.ErrorContains(t, err, "the API answers 404 to POST /app/nobody/dlq/redrive")
	env["POSTRIDER_TOKEN"] = "another"
	_, err = do(t, env, "redrive", app)
	require.ErrorContains(t, err, "the API answers 401")
}

func TestRedriveRefuses(t *testing.T) {
	t.Parallel()
	env := map[string]string{"POSTRIDER_TOKEN": "x", "POSTRIDER_API_URL": "http://127.0.0.1:1"}
	for args, want := range map[string]string{
		"":                    "say whose",
		"a b c":               "say whose",
		"a -all":              "say whose",
		"-all -reason x":      "-all is about all dead letters",
		"a -since tomorrow":   `since is "tomorrow"`,
		"a":                   "is it there? set POSTRIDER_API_URL",
		"a -api-url http://%": "ask the API",
	} {
		_, err := do(t, env, append([]string{"redrive"}, strings.Fields(args)...)...)
		require.ErrorContains(t, err, want, args)
	}
	_, err := do(t, nil, "redrive", "a")
	require.ErrorContains(t, err, "token is not set: set POSTRIDER_TOKEN")
	total := int64(9)
	unfinished := redriveTask{ID: "qtask_1", Status: "running"}
	require.Equal(t, "qtask_1 running: looked at 0 of …, 0 on their way again", fmt.Sprint(&unfinished))
	unfinished.Data.Total = &total
	require.Contains(t, unfinished.String(), "of 9,")
	_, err = parsePast("until", time.Now().Add(time.Hour).Format(time.RFC3339), time.Now())
	require.ErrorContains(t, err, "until is")
}
