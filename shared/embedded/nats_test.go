package embedded

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func startTestNATS(t *testing.T, dir string) *NATS {
	t.Helper()
	n, err := StartNATS(NATSOptions{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Stop)
	return n
}

func openJetStream(t *testing.T, url string) jetstream.JetStream {
	t.Helper()
	conn, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func TestNATSRestartKeepsStream(t *testing.T) {
	t.Parallel()
	ctx, dir := testContext(t), dataDir(t)
	first := startTestNATS(t, dir)
	js := openJetStream(t, first.URL())
	_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "KEPT", Subjects: []string{"kept.>"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(ctx, "kept.one", []byte("hello")); err != nil {
		t.Fatal(err)
	}
	first.Stop()

	second := startTestNATS(t, dir)
	first.Stop() // again, which is nothing to the second
	stream, err := openJetStream(t, second.URL()).Stream(ctx, "KEPT")
	if err != nil {
		t.Fatal(err)
	}
	message, err := stream.GetMsg(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	if string(message.Data) != "hello" {
		t.Errorf("got %q", message.Data)
	}
}

func TestNATSTokenIsWanted(t *testing.T) {
	t.Parallel()
	n := startTestNATS(t, dataDir(t))
	_, address, _ := strings.Cut(n.URL(), "@")
	conn, err := nats.Connect("nats://" + address)
	if !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("got %v", err)
	}
	if err == nil {
		conn.Close()
	}
}

func TestNATSPortTaken(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dir := dataDir(t)
	_, err = StartNATS(NATSOptions{DataDir: dir, Port: listener.Addr().(*net.TCPAddr).Port})
	if !errors.Is(err, ErrPortTaken) {
		t.Errorf("got %v", err)
	}
	startTestNATS(t, dir) // the directory is free again
}

func TestNATSSecondServerIsRefused(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	startTestNATS(t, dir)
	if _, err := StartNATS(NATSOptions{DataDir: dir}); !errors.Is(err, ErrInUse) {
		t.Errorf("got %v", err)
	}
}
