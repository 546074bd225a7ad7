package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/postrider/postrider/shared/event"
)

// What a message on DLQ that was set aside says of itself.
const (
	headerSubject  = "Postrider-Subject"
	headerStream   = "Postrider-Stream"
	headerConsumer = "Postrider-Consumer"
	headerStage    = "Postrider-Stage"
	headerReason   = "Postrider-Reason"
	headerTries    = "Postrider-Tries"
	headerStored   = "Postrider-Stored"
	headerCut      = "Postrider-Cut"
)

const (
	maxReason = 1000 // bytes
	idSize    = 256  // bytes of a message that its id takes, at most
)

// storePoison puts the message on its way to DLQ, with why it goes there.
func (b *Bus) storePoison(m *Msg, reason string) (jetstream.PubAckFuture, error) {
	aside := &nats.Msg{
		Subject: event.PoisonSubject(m.consumer.stream(), m.consumer.Name),
		Data:    m.Data,
		Header: nats.Header{
			headerFormat:   {m.format},
			headerSubject:  {m.consumer.Shard.Subject(m.Subject)},
			headerStream:   {m.consumer.stream()},
			headerConsumer: {m.consumer.Name},
			headerStage:    {stageOf(m.consumer.Stream)},
			headerReason:   {inOneLine(reason)},
			headerTries:    {strconv.Itoa(m.Deliveries)},
			headerStored:   {m.Stored.UTC().Format(time.RFC3339Nano)},
		},
	}
	if over := aside.Size() + idSize - int(b.nc.MaxPayload()); over > 0 {
		aside.Data = m.Data[:max(len(m.Data)-over, 0)]
		aside.Header.Set(headerCut, "true")
	}
	id := fmt.Sprintf("poison.%s.%d.%d", m.consumer, m.Sequence, m.Stored.UnixNano())
	return b.js.PublishMsgAsync(aside, jetstream.WithMsgID(id))
}

// stageOf is whose messages a stream has.
func stageOf(stream string) string {
	switch stream {
	case event.StreamEvents:
		return "fanout"
	case event.StreamDeliver, event.StreamOverflow:
		return "deliver"
	case event.StreamRetry:
		return "retry"
	default:
		return "dlq"
	}
}

// inOneLine makes a text fit for a header.
func inOneLine(text string) string {
	text = strings.ToValidUTF8(strings.Join(strings.Fields(text), " "), "?")
	return text[:min(len(text), maxReason)]
}

// Poisoned is a message on DLQ that could not be handled.
type Poisoned struct {
	Sequence uint64 // its place on DLQ, and its name
	Subject  string // that it came by
	Consumer Consumer
	Stage    string
	Reason   string
	Tries    int
	Stored   time.Time // when it was published first
	At       time.Time // when it was set aside
	Data     []byte
	Cut      bool // Data is not all of it: it was too large with all that

	format string
}

var (
	// ErrNoPoison is returned for a place on DLQ where there is no such message.
	ErrNoPoison = errors.New("no such message has been set aside")

	// ErrCut is returned by PutBack for a message that is not whole.
	ErrCut = errors.New("the message is not whole any more")
)

// NextPoison returns the first message that was set aside at the place or after
// it, or ErrNoPoison.
func (b *Bus) NextPoison(ctx context.Context, from uint64) (*Poisoned, error) {
	s, err := b.js.Stream(ctx, event.StreamDLQ)
	if err != nil {
		return nil, fmt.Errorf("look for poison: %w", err)
	}
	m, err := s.GetMsg(ctx, max(from, 1), jetstream.WithGetMsgSubject(event.SubjectsPoison))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, ErrNoPoison
	}
	if err != nil {
		return nil, fmt.Errorf("look for poison: %w", err)
	}
	tries, _ := strconv.Atoi(m.Header.Get(headerTries))
	stored, _ := time.Parse(time.RFC3339Nano, m.Header.Get(headerStored))
	return &Poisoned{
		Sequence: m.Sequence,
		Subject:  m.Header.Get(headerSubject),
		Consumer: consumerOf(m.Header.Get(headerStream), m.Header.Get(headerConsumer)),
		Stage:    m.Header.Get(headerStage),
		Reason:   m.Header.Get(headerReason),
		Tries:    tries,
		Stored:   stored,
		At:       m.Time,
		Data:     m.Data,
		Cut:      m.Header.Get(headerCut) != "",
		format:   m.Header.Get(headerFormat),
	}, nil
}

// PutBack publishes a message that was set aside where it came from, and takes it
// off DLQ. It is tried anew, and what had been done with it before may be done
// again.
func (b *Bus) PutBack(ctx context.Context, p *Poisoned) error {
	if p.Cut {
		return fmt.Errorf("put back message %d: %w", p.Sequence, ErrCut)
	}
	back := &nats.Msg{Subject: p.Subject, Data: p.Data}
	if p.format != "" {
		back.Header = nats.Header{headerFormat: {p.format}}
	}
	// Put back twice when DropPoison fails, it is one message all the same.
	id := fmt.Sprintf("back.%d.%d", p.Sequence, p.At.UnixNano())
	if _, err := b.js.PublishMsg(ctx, back, jetstream.WithMsgID(id)); err != nil {
		return fmt.Errorf("put back message %d: %w", p.Sequence, explain(err))
	}
	return b.DropPoison(ctx, p.Sequence)
}

// DropPoison takes a message that was set aside off DLQ, for good.
func (b *Bus) DropPoison(ctx context.Context, sequence uint64) error {
	s, err := b.js.Stream(ctx, event.StreamDLQ)
	if err == nil {
		err = s.DeleteMsg(ctx, sequence)
	}
	if err != nil {
		return fmt.Errorf("drop message %d: %w", sequence, err)
	}
	return nil
}
