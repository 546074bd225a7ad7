package testkit

import (
	"testing"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/embedded"
)

// NATS returns a nats-server of the test's own, on disk, with no streams.
func NATS(t testing.TB) *embedded.NATS {
	t.Helper()
	server, err := embedded.StartNATS(embedded.NATSOptions{DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server
}

// Bus returns a bus on a nats-server of the test's own, with all streams made.
func Bus(t testing.TB) *bus.Bus {
	t.Helper()
	return Connect(t, NATS(t).URL())
}

// Connect returns a bus on the server at url, with all streams made.
func Connect(t testing.TB, url string) *bus.Bus {
	t.Helper()
	b, err := bus.Connect(bus.Options{URL: url, Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	if err := b.Bootstrap(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	return b
}
