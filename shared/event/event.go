package event

import "time"

// InlineLimit is the size in bytes up to which a payload travels inside
// messages. A larger one is referred to and read from PostgreSQL when it is
// sent.
const InlineLimit = 64 << 10

// Priority orders the deliveries of one tenant; it never takes another tenant's
// share.
type Priority string

// The priorities a producer can choose from; the empty one means normal.
const (
	High   Priority = "high"
	Normal Priority = "normal"
	Low    Priority = "low"
)

// TypeVerification is the type of the events that ask an endpoint whether it wants
// others.
const TypeVerification = "endpoint.verification"

// Event is what a producer posted and Postrider accepted. The time of its id is
// the time of acceptance.
type Event struct {
	ID       ID
	Tenant   ID
	Type     string
	Channels []string
	Priority Priority

	// Endpoint is the only one that the event is for, whatever that asks for;
	// zero: everyone who wants it.
	Endpoint ID

	// DeliverAt is when the event is to be delivered, to whoever wanted it when it
	// was accepted; zero: at once.
	DeliverAt time.Time

	// Expires is when the payload is removed; zero: with the event itself.
	Expires time.Time

	// Version is the tenant's version at the commit of the event: whoever
	// expands the event must know the tenant's endpoints at least as of it.
	Version int64

	// Tx is the number of the transaction that accepted the event. Events are in
	// the order of acceptance when they are in that of Tx and then of ID: one that
	// was accepted before another was posted has a lower one, or the same and a
	// lower id.
	Tx uint64

	// Recheck says that the event may have gone over the stream before: a
	// delivery made of it is looked up in the attempts before it is sent.
	Recheck bool

	// Round is the reconciliation that puts the event on its way again, since a
	// stream lost what was on it; zero: none.
	Round int64

	// Trace is that of the span that has it in hand, or handed it on.
	Trace Trace

	// Payload is the body as it came, byte for byte; nil when Referred.
	Payload  []byte
	Referred bool
}

// clockSlack is how far the clocks of two processes may be apart for their ids to
// be compared.
const clockSlack = 2 * time.Second

// Until is above the ids of all endpoints that may have been there when the event
// was accepted: one that was made later is not to get it.
func (e *Event) Until() ID { return FloorID(e.ID.Time().Add(clockSlack)) }

// To is the event's own delivery to the endpoint, due when the event is.
func (e *Event) To(endpoint ID) Delivery {
	d := Delivery{
		Event:    e.ID,
		Tenant:   e.Tenant,
		Endpoint: endpoint,
		Type:     e.Type,
		Priority: e.Priority,
		Version:  e.Version,
		Attempt:  1,
		Due:      e.DeliverAt,
		Expires:  e.Expires,
		Recheck:  e.Recheck,
		Round:    e.Round,
		Trace:    e.Trace,
		Payload:  e.Payload,
		Referred: e.Referred,
	}
	if e.Endpoint.IsZero() && e.DeliverAt.IsZero() {
		d.Tx = e.Tx
	}
	return d
}

// Delivery is one event on its way to one endpoint. Event, Endpoint and Run
// name it for all its life; Attempt is data.
type Delivery struct {
	Event    ID
	Tenant   ID
	Endpoint ID
	Type     string
	Priority Priority

	// Version of the tenant that the endpoint was found in; see Event.Version.
	Version int64

	// Tx of the event; see there. It is zero where an ordered endpoint keeps no
	// order: of what tasks bring, of events for later and for one endpoint alone.
	Tx uint64

	// Run is zero for what the event itself causes. A task delivers the same
	// event again in a run of its own, named by the task, with a schedule that
	// starts over.
	Run ID

	// Missed says that a task brings what the event itself should have caused.
	Missed bool

	// Attempt is the number of the attempt that is due, from 1 in each run. Of a
	// dead letter it is how many were made.
	Attempt int

	// Deferrals is how often the attempt was put off without being made: the
	// endpoint was disabled and the delivery among the dead letters.
	Deferrals int

	// Round of the event, or of the reconciliation that makes this hand-over again.
	Round int64

	// Due is when the attempt may start; zero means at once.
	Due time.Time

	// Expires is when the payload may not be sent any more; see Event.Expires.
	Expires time.Time

	// Reason says, on its way to the dead-letter queue, why it goes there.
	Reason string

	Recheck bool

	// Trace is that of the span that has it in hand, or handed it on.
	Trace Trace

	Payload  []byte
	Referred bool
}

// Late is how late a retry may begin without being looked up: nobody takes one for
// lost, and hands it out again, that is due for less.
const Late = 30 * time.Second

// IsLate reports whether the delivery is a retry that somebody may have taken for
// lost.
func (d *Delivery) IsLate(now time.Time) bool { return d.Attempt > 1 && now.Sub(d.Due) > Late }

// ReasonDisabled is the reason of dead letters whose attempt was not made, because
// the endpoint was disabled.
const ReasonDisabled = "endpoint_disabled"

// NotSent is the dead letter of a delivery whose attempt is not made, since the
// endpoint is disabled. It refers to its payload: there may be as many of them as
// there are events, and nobody reads it there.
func (d *Delivery) NotSent() Delivery {
	letter := *d
	letter.Reason = ReasonDisabled
	letter.Attempt--
	letter.Payload, letter.Referred = nil, true
	return letter
}

// Class is what kind of claim a delivery has on a worker's slots.
type Class string

// The classes, the most urgent first; each has a share of its own.
const (
	First  Class = "first"
	Retry  Class = "retry"
	Replay Class = "replay"
)

// Class derives the class from what the delivery is.
func (d *Delivery) Class() Class {
	switch {
	case !d.Run.IsZero(), d.Missed:
		return Replay
	case d.Attempt > 1:
		return Retry
	default:
		return First
	}
}

// Key names the attempt that is due: equal for every copy of the same hand-over
// and for no other. It is the message id (Nats-Msg-Id) on every stream, so a
// repeated hand-over is dropped inside the stream's duplicate window. An attempt
// that was put off goes over the same streams once more, within that window and
// with the same number: without the deferrals in its key it would be dropped as a
// copy of itself, and lost. So would what one stream lost and another remembers,
// without its round.
func (d *Delivery) Key() string {
	key := make([]byte, 0, 4*textLen)
	key = append(key, Message.Format(d.Event)...)
	key = append(key, '.')
	key = append(key, Endpoint.Format(d.Endpoint)...)
	key = append(key, '.')
	key = appendInt(key, int64(d.Attempt))
	if !d.Run.IsZero() {
		key = append(key, '.')
		key = append(key, Task.Format(d.Run)...)
	}
	if d.Deferrals > 0 {
		key = append(key, '+')
		key = appendInt(key, int64(d.Deferrals))
	}
	if d.Round > 0 {
		key = append(key, '~')
		key = appendInt(key, d.Round)
	}
	return string(key)
}
