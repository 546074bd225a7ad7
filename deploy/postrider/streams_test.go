package main

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/service"
	"github.com/postrider/postrider/shared/testkit"
)

const guide = "../STREAMS.md"

// guided are the commands of the guide, without comments.
func guided(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(guide)
	require.NoError(t, err)
	var all []string
	for _, m := range regexp.MustCompile(`(?m)^postrider (.*?)(?: +#.*)?$`).FindAllStringSubmatch(string(text), -1) {
		all = append(all, m[1])
	}
	return all
}

// situation is an installation where something waits everywhere.
type situation struct {
	url              string
	tenant, endpoint string
	other            string // another application
}

// arise puts onto the streams what stages would have put there.
func arise(t *testing.T, shards int) situation {
	t.Helper()
	url := testkit.NATS(t).URL()
	b := testkit.Connect(t, url)
	testkit.Divide(t, b, shards)
	tenant, endpoint, other := event.NewID(), event.NewID(), event.NewID()
	delivery := func(of event.ID, attempt int) *event.Delivery {
		return &event.Delivery{Event: event.NewID(), Tenant: of, Endpoint: endpoint, Type: "invoice.paid", Attempt: attempt, Payload: []byte(`{"hush":1}`)}
	}
	put := func(subject string, d *event.Delivery) {
		data, err := d.Encode()
		require.NoError(t, err)
		require.NoError(t, b.Publish(testkit.Context(t), bus.Message{Subject: subject, Tenant: d.Tenant, ID: event.Message.Format(d.Event), Data: data}))
	}
	var batch []byte
	for _, of := range []event.ID{tenant, tenant, other} {
		e := event.Event{ID: event.NewID(), Tenant: of, Type: "invoice.paid", Payload: []byte(`{"hush":2}`)}
		var err error
		batch, err = e.Append(batch)
		require.NoError(t, err)
	}
	require.NoError(t, b.Publish(testkit.Context(t), bus.Message{Subject: event.SubjectEvents, Tenant: tenant, ID: "batch", Data: batch}))
	for n := range 3 {
		d := delivery(tenant, 1)
		put(d.Subject(), d)
		put(event.OwnLane{Tenant: tenant}.Subject(), delivery(tenant, 1))
		if n > 0 {
			put(event.OwnLane{Tenant: tenant, Endpoint: endpoint}.Subject(), delivery(tenant, 1))
		}
	}
	late := delivery(tenant, 3)
	late.Due = time.Now().Add(2 * time.Minute)
	put("retry.2m", late)
	put("retry.2m", delivery(other, 2))
	dead := delivery(tenant, 8)
	dead.Reason = "timeout"
	put(dead.DLQSubject(), dead)
	setAside(t, b, "nonsense")
	return situation{url, event.Tenant.Format(tenant), event.Endpoint.Format(endpoint), event.Tenant.Format(other)}
}

// TestGuide runs every command of the guide, and compares what matters.
func TestGuide(t *testing.T) {
	t.Parallel()
	s := arise(t, 1)
	want := map[string][]string{
		"streams list": {
			`^STREAM +MESSAGES +BYTES +LIMIT +USED +OLDEST +CONSUMERS`, `(?m)^EVENTS +1 .*GiB +0 % .* 2 +batches of accepted events`, `(?m)^DELIVER +3 .* 24 `,
			`(?m)^OVERFLOW +5 `, `(?m)^RETRY +2 .* 8 `, `(?m)^DLQ +2 .* 1 `, `(?m)^TASKS +0 .*-  `, `(?s)EVENTS.*DELIVER.*OVERFLOW.*RETRY.*DLQ.*TASKS.*KV_workers`,
		},
		"streams show EVENTS":           {`EVENTS: batches`, `1 messages`, `(?m)^fanout +1 +0 .* events.batch$`, `(?m)^1 +events.batch$`},
		"streams show DELIVER":          {`(?m)^s\d\d +3 +0 .*deliver\.s\d\d\.>$`, `(?m)^3 +deliver\.s\d\d\.$APP\.$ENDPOINT$`},
		"streams show OVERFLOW":         {`(?m)^3 +overflow\.$APP$`},
		"streams show OVERFLOW -top 20": {`(?m)^3 +overflow\.$APP$`, `(?m)^2 +overflow\.$APP\.$ENDPOINT$`},
		"streams show RETRY":            {`(?m)^2m +2 +0 .* retry\.2m$`, `(?m)^2 +retry\.2m$`},
		"streams show DLQ":              {`(?m)^dlq +1 +0 .* dlq\.\*\.\*$`, `(?m)^1 +dlq\.$APP\.$ENDPOINT$`, `(?m)^1 +dlq\.poison\.OVERFLOW\.`},
		"streams backlog $APP": {
			`(?m)^EVENTS +2 +\S+ +events\.batch$`, `(?m)^DELIVER +3 +\S+ +deliver\.s\d\d\.$APP\.$ENDPOINT$`, `(?m)^OVERFLOW +3 +\S+ +overflow\.$APP$`,
			`(?m)^OVERFLOW +2 +\S+ +overflow\.$APP\.$ENDPOINT$`, `(?m)^RETRY +1 +\S+ +retry\.2m$`, `(?m)^DLQ +1 +\S+ +dlq\.$APP\.$ENDPOINT$`,
		},
		"streams peek DLQ -newest -n 5":                       {`(?s)dlq\.poison\.OVERFLOW.*dlq\.$APP\.$ENDPOINT.*"reason":"timeout"`},
		`streams peek DLQ -subject "dlq.$APP.*"`:              {`^DLQ 1  dlq\.$APP`, `stored 20\S+Z, \S+ ago`, `Postrider-Format: 1`, `"tenant":"$APP".*"attempt":8`},
		`streams peek DLQ -subject 'dlq.poison.>'`:            {`Postrider-Reason: malformed frame`, `Postrider-Stage: deliver`, `8 bytes that are no frame`},
		"streams peek RETRY -subject retry.2m -n 1":           {`^RETRY 1  retry\.2m\n`, `"attempt":3,"due":"20`},
		`streams peek OVERFLOW -subject "overflow.$APP" -n 1`: {`^OVERFLOW \d+  overflow\.$APP\n`},
	}
	ids := strings.NewReplacer("$APP", s.tenant, "$ENDPOINT", s.endpoint)
	seen := make(map[string]bool)
	for _, line := range guided(t) {
		require.Contains(t, want, line, "a command of the guide that nobody checks")
		seen[line] = true
		args := strings.Fields(strings.NewReplacer(`"`, "", "'", "").Replace(ids.Replace(line)))
		out := must(t, map[string]string{"POSTRIDER_NATS_URL": s.url}, args...)
		for _, pattern := range want[line] {
			require.Regexp(t, ids.Replace(pattern), out, line)
		}
		require.NotContains(t, out, "hush", "no payload")
	}
	for line := range want {
		require.True(t, seen[line], "%s is not in %s", line, guide)
	}
}

func TestPeekShowsPayloads(t *testing.T) {
	t.Parallel()
	s := arise(t, 1)
	env := map[string]string{"POSTRIDER_NATS_URL": s.url}
	require.Contains(t, must(t, env, "streams", "peek", "EVENTS", "-payload"), `{"hush":2}`)
	require.Contains(t, must(t, env, "streams", "peek", "DLQ", "-payload"), `no frame: "nonsense"`)
	require.Equal(t, 2, strings.Count(must(t, env, "streams", "peek", "OVERFLOW", "-n", "2"), "stored"))
	require.Equal(t, "no messages\n", must(t, env, "streams", "peek", "TASKS"))
}

// TestStreamsInShards: no database tells how many there are, and still all are found.
func TestStreamsInShards(t *testing.T) {
	t.Parallel()
	s := arise(t, 3)
	env := map[string]string{"POSTRIDER_NATS_URL": s.url}
	require.Equal(t, 1, strings.Count(must(t, env, "streams", "list"), "\nRETRY_2 "))
	out := must(t, env, "streams", "backlog", s.tenant)
	for _, line := range []string{`EVENTS +2 `, `DELIVER +3 .* deliver\.s`, `OVERFLOW +3 .* overflow\.app_`, `OVERFLOW +2 `, `RETRY +1 .* retry\.2m`, `DLQ +1 `} {
		require.Regexp(t, `(?m)^`+line, out)
	}
	require.Contains(t, must(t, env, "streams", "backlog", s.tenant, "-scan", "1"), "Of RETRY the oldest 1 messages of 2 were looked at")
	require.Equal(t, 3+1, strings.Count(must(t, env, "streams", "show", "DELIVER"), "deliveries that are due"))
	require.Equal(t, 3, strings.Count(must(t, env, "streams", "peek", "OVERFLOW", "-subject", "overflow."+s.tenant), "stored"))
}

func TestStreamsRefuse(t *testing.T) {
	t.Parallel()
	env := map[string]string{"POSTRIDER_NATS_URL": testkit.NATS(t).URL()}
	_, err := do(t, env, "streams", "list")
	require.ErrorIs(t, err, bus.ErrNotBootstrapped)
	testkit.Connect(t, env["POSTRIDER_NATS_URL"])
	for args, want := range map[string]string{
		"streams show":           "say which STREAM, and one",
		"streams show deliver":   "did you mean DELIVER?",
		"streams show X Y":       "say which STREAM, and one",
		"streams show WEBHOOKS!": "there are DELIVER, DLQ, EVENTS",
		"streams backlog acme":   `"acme" is not the id of an application`,
		"streams list -n 3":      "flag provided but not defined: -n",
	} {
		_, err := do(t, env, strings.Fields(args)...)
		require.ErrorContains(t, err, want, args)
		_, wrong := errors.AsType[*service.UsageError](err)
		require.True(t, wrong, args)
	}
	_, err = do(t, nil, "streams", "list", "-nats-url", "nats://127.0.0.1:1")
	require.ErrorContains(t, err, "is nats-server running there?")
}

// TestEnsure makes the streams as bootstrap does, once the tables are there.
func TestEnsure(t *testing.T) {
	t.Parallel()
	env := map[string]string{"POSTRIDER_DATABASE_URL": testkit.EmptyDatabase(t), "POSTRIDER_NATS_URL": testkit.NATS(t).URL()}
	_, err := do(t, env, "streams", "ensure")
	require.ErrorContains(t, err, "run postrider bootstrap")
	must(t, env, "migrate")
	must(t, env, "streams", "ensure", "-shards", "2")
	require.Regexp(t, `(?m)^DELIVER_1 +0 `, must(t, env, "streams", "list"))
}

func TestFigures(t *testing.T) {
	t.Parallel()
	for bytes, want := range map[uint64]string{0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 8 << 30: "8.0 GiB", 5 << 40: "5.0 TiB", 1 << 60: "1048576.0 TiB"} {
		require.Equal(t, want, size(bytes))
	}
	now := time.Now()
	for ago, want := range map[time.Duration]string{1234 * time.Millisecond: "1.2s", 75 * time.Second: "1m15s", 50 * time.Hour: "2d", -time.Second: "0s"} {
		require.Equal(t, want, age(now, now.Add(-ago)))
	}
	require.Equal(t, "-", age(now, time.Time{}))
	require.Equal(t, "plain ümlaut\n\ttab", printable([]byte("plain ümlaut\n\ttab")))
	require.Equal(t, `"\x1b[31mred"`, printable([]byte("\x1b[31mred")))
}
