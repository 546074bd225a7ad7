// Package bus is JetStream as Postrider uses it: streams and consumers declared
// in one place, publishing in groups, pulling in batches, acknowledging in one
// file. What is on a stream is a hand-over between two stages and can be made
// again from PostgreSQL; nothing here promises more than JetStream does.
package bus

import (
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// publishWindow bounds the publishes of one process that wait for their
	// acknowledgement. Measured: beyond 64 a larger window changes nothing, but
	// a group must fit.
	publishWindow = 4096

	// publishTimeout is how long a publish waits for its acknowledgement. A
	// stream whose leader died answers again after 4 to 6.5 s (measured).
	publishTimeout = 10 * time.Second

	reconnectWait = 250 * time.Millisecond

	// A server that is stopped, or cut off, says nothing and closes nothing: it is
	// given up when it has left two pings unanswered, after 6 s at most, or has not
	// taken what was written to it for writeTimeout, which is how long anything here
	// can be held up.
	pingEvery    = 2 * time.Second
	pingsLost    = 2
	writeTimeout = 3 * time.Second
)

// Bus is one connection to NATS and all that a process does over it. It is safe
// for concurrent use.
type Bus struct {
	nc   *nats.Conn
	js   jetstream.JetStream
	held *holder

	poison  poison
	closing sync.Once

	shards shards

	closed chan struct{} // when the client library has given up
	state  state

	mu          sync.Mutex
	reconnected chan struct{} // closed when the connection was made anew
}

// Options tell how to connect.
type Options struct {
	URL  string // nats://host:port, several joined by commas
	Name string // shown in the server's list of connections

	// Patient has Connect return before a server has answered, if none does. Then
	// the bus is not connected yet, and will be when there is one.
	Patient bool

	// OnError is told of what no caller is there to hear, such as a *DeniedError or a
	// slow consumer, one after the other.
	OnError func(error)
}

// Connect returns a bus once a server answered, within seconds. After that the
// connection is made anew for as long as the bus lives (but see Closed), and
// meanwhile publishing fails at once: what is not on a stream is still with
// whoever wants it there.
func Connect(o Options) (*Bus, error) {
	b := &Bus{reconnected: make(chan struct{}), closed: make(chan struct{}), shards: newShards()}
	made := make(chan struct{}) // what is called back may be so before we have returned
	defer close(made)
	nc, err := nats.Connect(o.URL,
		nats.Name(o.Name),
		nats.CustomInboxPrefix(inboxPrefix(o.Name)),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectWait),
		nats.ReconnectBufSize(-1),
		nats.RetryOnFailedConnect(o.Patient),
		nats.PingInterval(pingEvery),
		nats.MaxPingsOutstanding(pingsLost),
		nats.FlusherTimeout(writeTimeout),
		nats.ReconnectOnFlusherError(),
		nats.ConnectHandler(func(*nats.Conn) { b.onConnect() }),
		nats.ReconnectHandler(func(*nats.Conn) {
			<-made
			b.Doubt(time.Now()) // it may be another server, or the same with less
			b.onConnect()
		}),
		nats.ClosedHandler(func(*nats.Conn) { close(b.closed) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { b.onError(err, o.OnError) }),
	)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS at %s: %w", redact(o.URL), err)
	}
	b.nc = nc
	js, err := jetstream.New(b.nc,
		jetstream.WithPublishAsyncMaxPending(publishWindow),
		jetstream.WithPublishAsyncTimeout(publishTimeout),
	)
	if err != nil {
		b.nc.Close()
		return nil, fmt.Errorf("open JetStream: %w", err)
	}
	b.js = js
	if o.Patient {
		b.state.verify(errNotLooked)
	}
	b.held = newHolder(b.nc)
	b.startPoison()
	if err := b.hearDoubt(); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// Close gives back every message that was pulled and not acknowledged, so that
// another process gets it now and not after the acknowledgement wait, sends
// what is still buffered and ends the connection. Whoever pulls must have
// stopped before. Further calls do nothing.
func (b *Bus) Close() {
	b.closing.Do(func() {
		b.poison.close()
		b.held.close()
		_ = b.nc.FlushTimeout(2 * time.Second) // without a server there is nobody to tell
		b.nc.Close()
	})
}

// Closed is closed when there will be no connection any more: after Close, or
// because the server refuses who we are, which waiting does not mend. Why is
// Refusal.
func (b *Bus) Closed() <-chan struct{} { return b.closed }

// Refusal is what the server said last before the connection was given up.
func (b *Bus) Refusal() error { return b.nc.LastError() }

func (b *Bus) onConnect() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.reconnected)
	b.reconnected = make(chan struct{})
	b.state.connected()
}

// onError keeps what makes this process useless until it is mended, and tells it as
// a DeniedError.
func (b *Bus) onError(err error, tell func(error)) {
	if denied, ok := readDenial(err); ok {
		b.state.deny(denied)
		err = denied
	}
	if tell != nil {
		tell(err)
	}
}

// Server returns the id of the server that the bus is connected to, or was last.
// A server that starts again has another one.
func (b *Bus) Server() string { return b.nc.ConnectedServerId() }

// Traffic is what went over the connection, and how often that was made anew.
type Traffic struct{ InMessages, OutMessages, InBytes, OutBytes, Reconnects uint64 }

// Traffic counts from when the bus was made.
func (b *Bus) Traffic() Traffic {
	s := b.nc.Stats()
	return Traffic{s.InMsgs, s.OutMsgs, s.InBytes, s.OutBytes, s.Reconnects}
}

// Reconnected returns a channel that is closed at the next reconnect.
func (b *Bus) Reconnected() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.reconnected
}
