package bus

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/postrider/postrider/shared/event"
)

const (
	ackWait = 30 * time.Second

	// A message that is still being worked on says so three times in ackWait.
	progressEvery = ackWait / 3
)

// Msg is a message pulled from a stream. It is ours until one of Ack, Nak and
// Term is called, however long that takes: meanwhile the bus tells the server
// that it is being worked on. A process that dies says nothing more, and the
// server gives the message to another after 30 s.
type Msg struct {
	Subject string // without the number of a shard
	Data    []byte

	// Stored is when the stream stored the message, by the server's clock.
	Stored time.Time
	// Sequence is the message's place in its stream.
	Sequence uint64
	// Deliveries counts how often the server has handed it out, from 1.
	Deliveries int

	consumer Consumer // that it came by
	format   string   // of Data, as its publisher says
	reply    string
	held     *holder
}

// Ack says that the message is done with. It does not wait for the server: a
// lost acknowledgement brings the message back, as a crash would.
func (m *Msg) Ack() { m.finish("+ACK") }

// Nak gives the message back, to be handed out again after delay. Until then it
// keeps its place among the consumer's pending messages, so only a few may wait
// like this at a time.
func (m *Msg) Nak(delay time.Duration) {
	if delay <= 0 {
		m.finish("-NAK")
		return
	}
	m.finish(`-NAK {"delay":` + strconv.FormatInt(int64(delay), 10) + `}`)
}

// Term says that the message must not be handed out again, and why.
func (m *Msg) Term(reason string) { m.finish("+TERM " + reason) }

func (m *Msg) finish(verdict string) {
	if m.held.release(m) {
		_ = m.held.nc.Publish(m.reply, []byte(verdict)) // lost without a connection: see Ack
	}
}

// Doubtful reports whether the stream may not know what became of the message: it
// was stored before a moment in which streams may have lost what they had, or may
// have been put back to what they had once. Ask when it matters: it can become so
// while the message is in our hands.
func (m *Msg) Doubtful() bool { return m.held != nil && m.held.doubt.covers(m.Stored) }

// Again reports whether the message may have been handed out before.
func (m *Msg) Again() bool { return m.Deliveries > 1 || m.Doubtful() }

// newMsg reads what the server says of a message in its reply subject:
// $JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<delivered>.<stream
// sequence>.<consumer sequence>.<timestamp>.<pending>[.<random>].
func newMsg(raw *nats.Msg, held *holder) (*Msg, bool) {
	const short, full = 9, 11
	parts := strings.Split(raw.Reply, ".")
	if len(parts) < short || parts[0] != "$JS" || parts[1] != "ACK" {
		return nil, false
	}
	fields := parts[2:]
	if len(parts) >= full {
		fields = parts[4:]
	}
	delivered, err1 := strconv.Atoi(fields[2])
	sequence, err2 := strconv.ParseUint(fields[3], 10, 64)
	stored, err3 := strconv.ParseInt(fields[5], 10, 64)
	if err1 != nil || err2 != nil || err3 != nil {
		return nil, false
	}
	return &Msg{
		consumer:   consumerOf(fields[0], fields[1]),
		format:     raw.Header.Get(headerFormat),
		Subject:    event.Plain(raw.Subject),
		Data:       raw.Data,
		Stored:     time.Unix(0, stored),
		Sequence:   sequence,
		Deliveries: delivered,
		reply:      raw.Reply,
		held:       held,
	}, true
}

// holder knows every message that this process has pulled and not finished, and
// keeps the server from giving it to another. Its owner is the bus.
type holder struct {
	nc    *nats.Conn
	doubt doubt

	mu      sync.Mutex
	held    map[place]*holding
	pullers map[*Puller]struct{}

	stop chan struct{}
	done chan struct{}
}

// place is what makes a message the same one when it comes again. A stream that
// was lost and made anew counts from 1 again, so its time is part of it.
type place struct {
	consumer Consumer
	sequence uint64
	stored   int64
}

func (m *Msg) place() place { return place{m.consumer, m.Sequence, m.Stored.UnixNano()} }

type holding struct {
	msg  *Msg
	told time.Time // when the server heard last that it is worked on
}

func newHolder(nc *nats.Conn) *holder {
	h := &holder{
		nc:      nc,
		held:    make(map[place]*holding),
		pullers: make(map[*Puller]struct{}),
		stop:    make(chan struct{}),
		done:    make(chan struct{}),
	}
	go h.keep()
	return h
}

// hold takes note of a message that has come. It reports false when that is in
// hand already: the server was away, and hands out again what it has heard nothing
// of. Whoever has the message goes on with it, so nothing is done twice.
func (h *holder) hold(m *Msg) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if have := h.held[m.place()]; have != nil {
		have.msg.reply = m.reply
		h.tell(have, time.Now())
		return false
	}
	h.held[m.place()] = &holding{m, time.Now()}
	return true
}

// release reports whether the message was still held: the first verdict counts.
func (h *holder) release(m *Msg) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	have := h.held[m.place()]
	if have == nil || have.msg != m {
		return false
	}
	delete(h.held, m.place())
	return true
}

// forget lets go of what came by a consumer that is gone: nobody hears of it.
func (h *holder) forget(c Consumer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for p := range h.held {
		if p.consumer == c {
			delete(h.held, p)
		}
	}
}

// watch has what arrives at the puller held too, before anybody asks for it.
func (h *holder) watch(p *Puller) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pullers[p] = struct{}{}
}

func (h *holder) unwatch(p *Puller) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.pullers, p)
}

func (h *holder) watched() []*Puller {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Keys(h.pullers))
}

func (h *holder) keep() {
	defer close(h.done)
	ticker := time.NewTicker(progressEvery / 2)
	defer ticker.Stop()
	for {
		select {
		case <-h.stop:
			return
		case now := <-ticker.C:
			for _, p := range h.watched() {
				p.look()
			}
			h.progress(now)
		}
	}
}

func (h *holder) progress(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, have := range h.held {
		if now.Sub(have.told) >= progressEvery/2 {
			h.tell(have, now)
		}
	}
}

func (h *holder) tell(have *holding, now time.Time) {
	have.told = now
	_ = h.nc.Publish(have.msg.reply, []byte("+WPI")) // lost without a connection: see Msg.Ack
}

func (h *holder) close() {
	close(h.stop)
	<-h.done
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, have := range h.held {
		_ = h.nc.Publish(have.msg.reply, []byte("-NAK"))
	}
	clear(h.held)
}
