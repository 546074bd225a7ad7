package main

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func noEnv(string) (string, bool) { return "", false }

// TestUsersFile keeps the file equal to what the program prints. A subject that gets
// another name, or a right that is added, changes both or fails here.
func TestUsersFile(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile("users.conf")
	require.NoError(t, err)
	var printed bytes.Buffer
	require.NoError(t, run(nil, noEnv, &printed))
	require.Equal(t, printed.String(), string(file), "go run ./deploy/nats > deploy/nats/users.conf")

	require.Error(t, run([]string{"-shards", "0"}, noEnv, &printed))
	require.Error(t, run([]string{"-shards", "33"}, noEnv, &printed))
}

// TestPasswordsFile has a line for each user, and the server does not start without
// one of them.
func TestPasswordsFile(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("passwords.conf")
	require.NoError(t, err)
	for _, u := range bus.Users(1) {
		require.Regexp(t, `(?m)^# `+variable(u.Name)+`: +''$`, string(text))
	}
}

// prepare puts the files into a folder, each user with its own name as password.
func prepare(t *testing.T, users string) (file string) {
	t.Helper()
	dir := t.TempDir()
	var passwords strings.Builder
	for _, u := range bus.Users(1) {
		passwords.WriteString(variable(u.Name) + ": '" + u.Name + "'\n")
	}
	file = filepath.Join(dir, "users.conf")
	require.NoError(t, os.WriteFile(file, []byte(users), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "passwords.conf"), []byte(passwords.String()), 0o600))
	return file
}

// installation is a server with the users of the file, and all streams.
type installation struct{ url *url.URL }

func install(t *testing.T, shards int) installation {
	t.Helper()
	var users bytes.Buffer
	require.NoError(t, write(&users, shards))
	u, err := url.Parse(testkit.NATSWithUsers(t, prepare(t, users.String())).URL())
	require.NoError(t, err)
	i := installation{u}
	b := i.bus(t, "bootstrap")
	require.NoError(t, b.Bootstrap(testkit.Context(t), bus.Layout{Replicas: 1, Shards: shards}))
	require.NoError(t, b.Denied())
	return i
}

func (i installation) as(user string) string {
	u := *i.url
	u.User = url.UserPassword(user, user)
	return u.String()
}

func (i installation) bus(t *testing.T, user string) *bus.Bus {
	t.Helper()
	b, err := bus.Connect(bus.Options{URL: i.as(user), Name: user})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b
}

// conn is a connection that keeps what the server denies it.
type conn struct {
	*nats.Conn

	denied chan string
}

func connect(t *testing.T, url string) conn {
	t.Helper()
	c := conn{denied: make(chan string, 64)}
	var err error
	c.Conn, err = nats.Connect(url, nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { c.denied <- err.Error() }))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// allows reports whether the server takes a message, or a subscription.
func (c conn) allows(t *testing.T, action, subject string) bool {
	t.Helper()
	if action == "subscribe" {
		sub, err := c.SubscribeSync(subject)
		require.NoError(t, err)
		defer func() { _ = sub.Unsubscribe() }()
	} else {
		// What is asked of the server in a form that it does not understand is
		// answered, and changes nothing.
		require.NoError(t, c.PublishMsg(&nats.Msg{Subject: subject, Data: []byte("nonsense"), Header: nats.Header{"Nats-Msg-Id": {subject}}}))
	}
	require.NoError(t, c.Publish(nobodys, nil))
	first := testkit.Receive(t, c.denied)
	if strings.Contains(first, nobodys) {
		return true
	}
	require.Contains(t, first, subject)
	require.Contains(t, testkit.Receive(t, c.denied), nobodys)
	return false
}

// nobodys is a subject that nobody may publish to. The server answers in order, so
// what it has not denied before this it has allowed.
const nobodys = "nobody.may.publish.here"

// TestRefused: each user is refused what it does not need.
func TestRefused(t *testing.T) {
	t.Parallel()
	i := install(t, 2)
	tenant, endpoint := event.Tenant.Format(event.NewID()), event.Endpoint.Format(event.NewID())
	deliver := "deliver.s00." + tenant + "." + endpoint
	everybody := []string{
		"publish $JS.API.STREAM.DELETE.EVENTS", "publish $JS.API.STREAM.DELETE.DLQ", "publish $JS.API.STREAM.PURGE.DELIVER",
		"publish $JS.API.STREAM.PURGE.OVERFLOW", "publish $JS.API.STREAM.CREATE.MINE", "publish $JS.API.STREAM.SNAPSHOT.EVENTS",
		"publish $JS.API.STREAM.RESTORE.EVENTS", "publish $JS.API.CONSUMER.DELETE.EVENTS.fanout", "publish $JS.API.CONSUMER.PAUSE.EVENTS.fanout",
		"publish $SYS.REQ.SERVER.PING", "publish anything",
		"subscribe >", "subscribe events.>", "subscribe deliver.>", "subscribe retry.>", "subscribe dlq.>", "subscribe overflow.>",
		"subscribe $JS.API.>", "subscribe $JS.ACK.>", "subscribe $SYS.>", "subscribe $KV.workers.>", "subscribe _INBOX.>", "subscribe _INBOX_*.>",
	}
	for user, forbidden := range map[string][]string{
		"ingest": {
			"publish events.wide", "publish " + deliver, "publish retry.1s", "publish dlq." + tenant + "." + endpoint, "publish overflow." + tenant,
			"publish doubt", "publish $KV.workers.x", "publish $JS.API.CONSUMER.MSG.NEXT.EVENTS.fanout", "publish $JS.API.STREAM.MSG.GET.EVENTS",
			"publish $JS.API.STREAM.MSG.GET.RETRY", "publish $JS.API.STREAM.UPDATE.EVENTS", "publish _INBOX_deliver.x", "subscribe _INBOX_fanout.>",
		},
		"fanout": {
			"publish events.batch", "publish tasks.replay", "publish $JS.API.CONSUMER.MSG.NEXT.DELIVER.s00", "publish $JS.ACK.DELIVER.s00.1.1.1.1.1",
			"publish $JS.ACK.RETRY.1s.1.1.1.1.0", "publish $JS.API.STREAM.MSG.GET.DELIVER", "publish $JS.API.STREAM.PURGE.DLQ", "publish _INBOX_ingest.x",
			"publish $JS.ACK.DELIVER.s00.EVENTS.1.1.1.1", // its own stream, where another's acknowledgement has a number
			"subscribe _INBOX_ingest.>", "subscribe signal.>",
		},
		"deliver": {
			"publish events.batch", "publish " + deliver, "publish tasks.replay", "publish $JS.API.CONSUMER.MSG.NEXT.EVENTS.fanout",
			"publish $JS.ACK.EVENTS.fanout.1.1.1.1.0", "publish $JS.ACK.EVENTS.fanout.DELIVER.1.1.1.0",
			"publish $JS.API.CONSUMER.CREATE.DELIVER.mine.deliver.>", "publish $JS.API.CONSUMER.CREATE.OVERFLOW.mine",
			"publish $JS.API.CONSUMER.DELETE.DELIVER.s00", "publish $JS.API.STREAM.MSG.GET.RETRY", "publish $JS.API.STREAM.UPDATE.OVERFLOW",
			"publish _INBOX_ingest.x", "subscribe _INBOX_ingest.>", "subscribe _INBOX_dlq.>", "subscribe answers.>",
		},
		"retry": {
			"publish events.batch", "publish dlq." + tenant + "." + endpoint, "publish overflow." + tenant, "publish tasks.replay",
			"publish $JS.API.CONSUMER.MSG.NEXT.DELIVER.s00", "publish $JS.API.STREAM.MSG.GET.DELIVER", "publish $KV.workers.x", "subscribe _INBOX_deliver.>",
		},
		"dlq": {
			"publish events.batch", "publish overflow." + tenant, "publish $JS.API.STREAM.PURGE.EVENTS", "publish $JS.API.STREAM.UPDATE.EVENTS",
			"publish $JS.API.STREAM.DELETE.KV_workers", "publish $JS.API.STREAM.MSG.GET.EVENTS", "publish $JS.API.CONSUMER.MSG.NEXT.DELIVER.s00",
			"publish $JS.ACK.DELIVER.s00.1.1.1.1.0", "publish $JS.API.CONSUMER.DELETE.DLQ.dlq", "publish $KV.workers.x", "subscribe _INBOX_deliver.>",
		},
		"bootstrap": {
			"publish events.batch", "publish " + deliver, "publish $JS.API.STREAM.MSG.GET.EVENTS", "publish $JS.API.CONSUMER.MSG.NEXT.EVENTS.fanout",
			"publish $JS.ACK.EVENTS.fanout.1.1.1.1.0", "publish $KV.workers.x", "publish doubt",
		},
		"poison": {
			"publish $JS.API.STREAM.MSG.GET.EVENTS", "publish $JS.API.STREAM.MSG.DELETE.EVENTS", "publish $JS.API.STREAM.PURGE.DLQ",
			"publish $JS.API.CONSUMER.MSG.NEXT.DLQ.dlq",
		},
		"reconcile": {"publish events.batch", "publish $JS.API.STREAM.CREATE.EVENTS", "publish $JS.API.STREAM.MSG.GET.DLQ"},
		"operator": {
			"publish events.batch", "publish " + deliver, "publish dlq." + tenant + "." + endpoint, "publish tasks.replay", "publish doubt",
			"publish $KV.workers.x", "publish $JS.API.STREAM.CREATE.EVENTS", "publish $JS.API.STREAM.UPDATE.EVENTS", "publish $JS.API.STREAM.MSG.DELETE.DLQ",
			"publish $JS.API.CONSUMER.CREATE.EVENTS.mine", "publish $JS.API.CONSUMER.MSG.NEXT.EVENTS.fanout", "publish $JS.ACK.EVENTS.fanout.1.1.1.1.0",
		},
	} {
		t.Run(user, func(t *testing.T) {
			t.Parallel()
			c := connect(t, i.as(user))
			for _, what := range append(everybody, forbidden...) {
				action, subject, _ := strings.Cut(what, " ")
				require.False(t, c.allows(t, action, subject), "%s may %s", user, what)
			}
		})
	}
	t.Run("nobody", func(t *testing.T) {
		t.Parallel()
		c := connect(t, i.url.String())
		for _, what := range append(everybody, "publish events.batch", "publish $JS.API.INFO", "publish $JS.API.STREAM.INFO.EVENTS", "subscribe doubt", "subscribe x") {
			action, subject, _ := strings.Cut(what, " ")
			require.False(t, c.allows(t, action, subject), "nobody may %s", what)
		}
	})
}

// TestOperatorLooks: people see what is there.
func TestOperatorLooks(t *testing.T) {
	t.Parallel()
	i := install(t, 1)
	c := connect(t, i.as(bus.Operator))
	for _, what := range []string{
		"publish $JS.API.INFO", "publish $JS.API.STREAM.LIST", "publish $JS.API.STREAM.NAMES", "publish $JS.API.STREAM.INFO.DELIVER",
		"publish $JS.API.CONSUMER.LIST.DELIVER", "publish $JS.API.CONSUMER.INFO.DELIVER.s00", "publish $JS.API.STREAM.MSG.GET.DLQ", "subscribe $JS.EVENT.>",
	} {
		action, subject, _ := strings.Cut(what, " ")
		require.True(t, c.allows(t, action, subject), what)
	}
}

// TestDenied: who publishes what it may not hears of a timeout; the bus says why.
func TestDenied(t *testing.T) {
	t.Parallel()
	i := install(t, 1)
	told := make(chan error, 8)
	b, err := bus.Connect(bus.Options{URL: i.as("retry"), Name: "retry", OnError: func(err error) { told <- err }})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	require.NoError(t, b.Verify(testkit.Context(t)))
	require.NoError(t, b.Health())
	require.Zero(t, b.Denials())

	b.Signal(event.OwnLane{Tenant: event.NewID()})
	var denied *bus.DeniedError
	require.ErrorAs(t, testkit.Receive(t, told), &denied)
	require.Equal(t, "publish", denied.Action)
	require.Regexp(t, `^signal\.overflow\.app_`, denied.Subject)
	require.ErrorAs(t, b.Health(), &denied)
	require.ErrorAs(t, b.Denied(), &denied)

	_, err = b.OnSignal(func(event.OwnLane) {})
	require.NoError(t, err)
	require.ErrorAs(t, testkit.Receive(t, told), &denied)
	require.Equal(t, bus.DeniedError{Action: "subscribe", Subject: "signal.overflow.>"}, *denied)
	require.EqualValues(t, 2, b.Denials())

	require.ErrorAs(t, b.Bootstrap(testkit.Context(t), bus.Layout{Replicas: 1, Shards: 2}), &denied, "and does not wait for what will not come")
}
