package testkit

import (
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/embedded"
)

// maxStore is more than any test sets aside for streams, in which it then stores next
// to nothing: whether there is as much on this disk is not what is tested.
const maxStore = 1 << 40

// NATS returns a nats-server of the test's own, on disk, with no streams.
func NATS(t testing.TB) *embedded.NATS {
	t.Helper()
	return NATSAt(t, t.TempDir(), 0)
}

// NATSAt returns a nats-server on a folder and port of the test's choice, to be
// started again where another was stopped. Port 0 is any free one.
func NATSAt(t testing.TB, dir string, port int) *embedded.NATS {
	t.Helper()
	server, err := embedded.StartNATS(embedded.NATSOptions{DataDir: dir, Port: port, MaxStore: maxStore})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server
}

// NATSWithUsers returns a nats-server whose users are those of a configuration
// file, and no others.
func NATSWithUsers(t testing.TB, file string) *embedded.NATS {
	t.Helper()
	server, err := embedded.StartNATS(embedded.NATSOptions{DataDir: t.TempDir(), MaxStore: maxStore, Users: file})
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

// Connect returns a bus on the server at address, with all streams made.
func Connect(t testing.TB, address string) *bus.Bus {
	t.Helper()
	b, err := bus.Connect(bus.Options{URL: address, Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	if err := b.Bootstrap(t.Context(), bus.Layout{Replicas: 1, Shards: 1}); err != nil {
		t.Fatal(err)
	}
	return b
}

// Divide adds shards to the streams of the bus, until there are n.
func Divide(t testing.TB, b *bus.Bus, n int) {
	t.Helper()
	if err := b.Bootstrap(t.Context(), bus.Layout{Replicas: 1, Shards: n}); err != nil {
		t.Fatal(err)
	}
	b.Divide(n)
}

// Port returns the port of a server's URL.
func Port(t testing.TB, address string) int {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// PublishRaw stores a message as a process of another version would have: with a
// format version of its own, and whatever data.
func PublishRaw(t testing.TB, address, subject, format string, data []byte) {
	t.Helper()
	withJetStream(t, address, func(js jetstream.JetStream) error {
		_, err := js.PublishMsg(t.Context(), &nats.Msg{
			Subject: subject, Data: data, Header: nats.Header{"Postrider-Format": {format}},
		})
		return err
	})
}

// LimitStream lets a stream grow to so many bytes only; 0: as large as it likes.
func LimitStream(t testing.TB, address, stream string, bytes int64) {
	t.Helper()
	withJetStream(t, address, func(js jetstream.JetStream) error {
		s, err := js.Stream(t.Context(), stream)
		if err != nil {
			return err
		}
		config := s.CachedInfo().Config
		config.MaxBytes = bytes
		if bytes == 0 {
			config.MaxBytes = -1
		}
		_, err = js.UpdateStream(t.Context(), config)
		return err
	})
}

// StreamLimit is how large a stream may get, in bytes.
func StreamLimit(t testing.TB, address, stream string) (bytes int64) {
	t.Helper()
	withJetStream(t, address, func(js jetstream.JetStream) error {
		s, err := js.Stream(t.Context(), stream)
		if err == nil {
			bytes = s.CachedInfo().Config.MaxBytes
		}
		return err
	})
	return bytes
}

// ShortenAckWait has a consumer hand out again what was not acknowledged within a
// second.
func ShortenAckWait(t testing.TB, address string, c bus.Consumer) {
	t.Helper()
	withJetStream(t, address, func(js jetstream.JetStream) error {
		consumer, err := js.Consumer(t.Context(), c.Stream, c.Name)
		if err != nil {
			return err
		}
		config := consumer.CachedInfo().Config
		config.AckWait = time.Second
		_, err = js.UpdateConsumer(t.Context(), c.Stream, config)
		return err
	})
}

// StreamMessages counts what is stored in a stream.
func StreamMessages(t testing.TB, address, stream string) int {
	t.Helper()
	return int(streamState(t, address, stream).Msgs)
}

// StreamSequence counts what has ever been stored in a stream.
func StreamSequence(t testing.TB, address, stream string) int {
	t.Helper()
	return int(streamState(t, address, stream).LastSeq)
}

func streamState(t testing.TB, address, stream string) (state jetstream.StreamState) {
	t.Helper()
	withJetStream(t, address, func(js jetstream.JetStream) error {
		s, err := js.Stream(t.Context(), stream)
		if err == nil {
			state = s.CachedInfo().State
		}
		return err
	})
	return state
}

func withJetStream(t testing.TB, address string, work func(jetstream.JetStream) error) {
	t.Helper()
	nc, err := nats.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if err := work(js); err != nil {
		t.Fatal(err)
	}
}

// DeleteStream takes a stream away.
func DeleteStream(t testing.TB, address, stream string) {
	t.Helper()
	withJetStream(t, address, func(js jetstream.JetStream) error { return js.DeleteStream(t.Context(), stream) })
}

// DeleteConsumer takes a consumer away.
func DeleteConsumer(t testing.TB, address, stream, consumer string) {
	t.Helper()
	withJetStream(t, address, func(js jetstream.JetStream) error { return js.DeleteConsumer(t.Context(), stream, consumer) })
}
