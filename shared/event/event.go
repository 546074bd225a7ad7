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

	// Payload is the body as it came, byte for byte; nil when Referred.
	Payload  []byte
	Referred bool
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

	// Due is when the attempt may start; zero means at once.
	Due time.Time

	// Expires is when the payload may not be sent any more; see Event.Expires.
	Expires time.Time

	// Reason says, on its way to the dead-letter queue, why it goes there.
	Reason string

	Recheck bool

	Payload  []byte
	Referred bool
}

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
// copy of itself, and lost.
func (d *Delivery) Key() string {
	key := make([]byte, 0, 4*textLen)
	key = append(key, Message.Format(d.Event)...)
	key = append(key, '.')
	key = append(key, Endpoint.Format(d.Endpoint)...)
	key = append(key, '.')
	key = appendInt(key, d.Attempt)
	if !d.Run.IsZero() {
		key = append(key, '.')
		key = append(key, Task.Format(d.Run)...)
	}
	if d.Deferrals > 0 {
		key = append(key, '+')
		key = appendInt(key, d.Deferrals)
	}
	return string(key)
}
