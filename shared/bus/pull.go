package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/postrider/postrider/shared/event"
)

const (
	pullExpires   = 30 * time.Second
	pullHeartbeat = 2 * time.Second

	// A request that has been silent for two heartbeats is lost: its server
	// went away, or its leader changed (nats.go #2063). So the lanes go on no
	// later than their new leaders could.
	pullSilence = 2*pullHeartbeat + time.Second

	// pullPause keeps a consumer that is not there from being asked for in a
	// tight loop.
	pullPause = 500 * time.Millisecond

	// How long a message of a format that this process does not know is left
	// alone before it is offered again, perhaps to a newer process.
	unknownFormatDelay = 30 * time.Second
)

// Puller takes messages from one consumer. It keeps at most one request open at
// the server and one subscription for all of them: a request costs a message,
// where a Fetch call of the client library costs the server 200 to 500 µs
// (measured). It is not safe for concurrent use; several pullers on one
// consumer are, and share its messages.
type Puller struct {
	bus     *Bus
	subject string // of the consumer's pull API
	inbox   string
	sub     *nats.Subscription
	arrived chan *nats.Msg

	// listening is held by whoever reads what arrives: the owner, and while that has
	// other things to do now and then the holder.
	listening sync.Mutex
	unseen    []*Msg // by the owner

	requests int       // counts the requests, to tell an old one's status
	open     int       // messages that the open request may still bring
	until    time.Time // when the open request is given up, or the next may be made
	rest     time.Time // no request before
}

// Pull opens a puller on the consumer. batch is the most that any call of Next
// will ask for.
func (b *Bus) Pull(c Consumer, batch int) (*Puller, error) {
	p := &Puller{
		bus:     b,
		subject: nextSubject(c.stream(), c.Name),
		inbox:   b.nc.NewInbox(),
		arrived: make(chan *nats.Msg, 2*batch+16),
	}
	sub, err := b.nc.ChanSubscribe(p.inbox+".*", p.arrived)
	if err != nil {
		return nil, fmt.Errorf("pull from %s: %w", c, err)
	}
	p.sub = sub
	b.held.watch(p)
	return p, nil
}

// Next waits until there is at least one message and returns it with all others
// that have arrived, at most want (plus what a lost request still brought). It
// returns no error but the cause of ctx: a missing server or consumer is waited
// for. Messages that arrive after ctx has ended are given back by Close.
func (p *Puller) Next(ctx context.Context, want int) ([]*Msg, error) {
	p.listening.Lock()
	defer p.listening.Unlock()
	if len(p.unseen) > 0 {
		return p.arrivals(), nil
	}
	for {
		reconnected := p.bus.Reconnected()
		if p.open <= 0 && !time.Now().Before(p.until) {
			p.request(want)
		}
		silence := time.NewTimer(time.Until(p.until))
		select {
		case raw := <-p.arrived:
			silence.Stop()
			p.take(raw)
			if batch := p.arrivals(); len(batch) > 0 {
				return batch, nil
			}
		case <-silence.C:
			if len(p.arrived) > 0 {
				continue // it was us who did not listen
			}
			if p.open > 0 {
				p.leaderless()
			}
			p.end(0)
		case <-reconnected:
			silence.Stop()
			p.end(0)
		case <-ctx.Done():
			silence.Stop()
			return nil, context.Cause(ctx)
		}
	}
}

// Open reports whether a request is open, and Next would make no other.
func (p *Puller) Open() bool {
	p.listening.Lock()
	defer p.listening.Unlock()
	return p.open > 0
}

// Rest makes no new request before the time given. What an open request brings
// is still returned by Next as it arrives.
func (p *Puller) Rest(until time.Time) {
	p.listening.Lock()
	defer p.listening.Unlock()
	p.rest = until
	if p.open <= 0 {
		p.end(0)
	}
}

// Drain takes no more messages and returns what had arrived unseen. It is the
// last call to the puller.
func (p *Puller) Drain() []*Msg {
	// Draining, unlike unsubscribing, keeps what is still on its way to us. Both
	// fail only without a connection, when nothing is.
	_ = p.sub.Drain()
	_ = p.bus.nc.FlushTimeout(time.Second)
	p.bus.held.unwatch(p)
	p.listening.Lock()
	defer p.listening.Unlock()
	return p.arrivals()
}

// Close takes no more messages and gives back what had arrived unseen.
func (p *Puller) Close() {
	for _, m := range p.Drain() {
		m.Nak(0)
	}
}

func (p *Puller) request(want int) {
	p.requests++
	p.open = want
	p.until = time.Now().Add(pullSilence)
	body, _ := json.Marshal(struct { // cannot fail
		Batch     int           `json:"batch"`
		Expires   time.Duration `json:"expires"`
		Heartbeat time.Duration `json:"idle_heartbeat"`
	}{want, pullExpires, pullHeartbeat})
	_ = p.bus.nc.PublishRequest(p.subject, p.reply(), body) // without a connection: asked again
}

func (p *Puller) reply() string { return p.inbox + "." + strconv.Itoa(p.requests) }

// look takes what has arrived into hand if the owner is not there to do it: busy for
// longer than the server waits for an answer, it would get messages that others have
// by then as well.
func (p *Puller) look() {
	if !p.listening.TryLock() {
		return // it listens
	}
	defer p.listening.Unlock()
	p.unseen = p.arrivals()
}

// arrivals returns all messages that have arrived, without waiting.
func (p *Puller) arrivals() []*Msg {
	for {
		select {
		case raw := <-p.arrived:
			p.take(raw)
		default:
			batch := p.unseen
			p.unseen = nil
			return batch
		}
	}
}

// take takes a message into hand, if what arrived is one for us.
func (p *Puller) take(raw *nats.Msg) {
	m, ok := newMsg(raw, p.bus.held)
	if !ok {
		p.status(raw)
		return
	}
	p.until = time.Now().Add(pullSilence)
	if p.open--; p.open <= 0 {
		p.end(0)
	}
	if !p.bus.held.hold(m) {
		return
	}
	switch {
	case m.format == event.Format:
		p.unseen = append(p.unseen, m)
	case isLater(m.format):
		m.Nak(unknownFormatDelay)
	default:
		p.bus.Reject(m, errNoFormat)
	}
}

// errNoFormat is why a message is rejected that no version of ours has published.
var errNoFormat = errors.New("it has no format version")

// isLater reports whether a format version may be that of a newer process.
func isLater(format string) bool {
	ours, _ := strconv.Atoi(event.Format)
	theirs, err := strconv.Atoi(format)
	return err == nil && theirs > ours
}

// status reads the server's word on a request. 100 is a heartbeat; 404 and 408
// end a request that found too little; 503 says that nobody leads the consumer, or
// that there is none; anything else that it is about to move, or gone.
func (p *Puller) status(raw *nats.Msg) {
	if !strings.HasSuffix(raw.Subject, "."+strconv.Itoa(p.requests)) {
		return // of a request that was given up
	}
	switch raw.Header.Get("Status") {
	case "100":
		p.until = time.Now().Add(pullSilence)
	case "404", "408":
		p.end(0)
	case "503":
		p.leaderless()
		p.end(pullPause)
	default:
		p.end(pullPause)
	}
}

// leaderless takes note that the consumer has lost its leader. What that handed out
// last the next one may not know, since it is not told before the message goes out;
// so messages come again as if for the first time (measured: a dozen in 54,000
// deliveries, with three leaders killed).
func (p *Puller) leaderless() { p.bus.doubtNow() }

// end forgets the open request; the next may be made after pause and rest.
func (p *Puller) end(pause time.Duration) {
	p.open = 0
	p.until = time.Now().Add(pause)
	if p.until.Before(p.rest) {
		p.until = p.rest
	}
}
