package bus

import (
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/shared/event"
)

const (
	// maxTries is how often a message is handed out that cannot be handled. Those
	// that ended with its process are counted by the server, too.
	maxTries = 5

	// Between two tries there are 1, 2, 4 and 4 s: time for what was wrong with the
	// process, if that was it.
	longestPause = 4 * time.Second

	// rejections wait for DLQ to take them; those that find no place, or DLQ away or
	// full, come again after a while.
	rejections  = 64
	rejectAgain = 15 * time.Second
)

// PanicError is what a handler died of.
type PanicError struct {
	Value any
	Stack []byte // names functions and shows no values
}

// Error tells it without the stack.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Try does work on a message and makes a panic a *PanicError, so that one message
// cannot end the process and all others with it.
func Try(work func()) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &PanicError{Value: value, Stack: debug.Stack()}
		}
	}()
	work()
	return nil
}

// poison sets messages aside. Its owner is the bus.
type poison struct {
	rejected chan rejection
	stop     chan struct{}
	done     chan struct{}
	setAside atomic.Uint64
}

type rejection struct {
	msg    *Msg
	reason string
}

// Reject is the verdict on a message that cannot be handled: it cannot be read, or
// its handler panics. It is handed out again a few times and then goes to DLQ
// with the reason, from where PutBack brings it back. Its consumer goes on
// meanwhile. In an own lane that is at once: a lane is closed when nothing else
// comes, and with it the count of tries is lost.
func (b *Bus) Reject(m *Msg, reason error) {
	if m.Deliveries < maxTries && m.consumer.Stream != event.StreamOverflow {
		m.Nak(min(time.Second<<(m.Deliveries-1), longestPause))
		return
	}
	select {
	case b.poison.rejected <- rejection{m, reason.Error()}:
	default:
		m.Nak(rejectAgain)
	}
}

// SetAside counts the messages that this process has put to DLQ because they
// could not be handled.
func (b *Bus) SetAside() uint64 { return b.poison.setAside.Load() }

func (b *Bus) startPoison() {
	b.poison.rejected, b.poison.stop, b.poison.done = make(chan rejection, rejections), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(b.poison.done)
		for {
			select {
			case r := <-b.poison.rejected:
				b.putAside(r)
			case <-b.poison.stop:
				return // what is left is given back with everything that is held
			}
		}
	}()
}

func (p *poison) close() {
	close(p.stop)
	<-p.done
}

// putAside publishes the message to DLQ and only then is done with it.
func (b *Bus) putAside(r rejection) {
	stored, err := b.storePoison(r.msg, r.reason)
	if err == nil {
		select {
		case <-stored.Ok():
			b.poison.setAside.Add(1)
			r.msg.Ack()
			return
		case <-stored.Err(): //nolint:errcheck // whatever it is, it is tried again
		case <-b.poison.stop:
		}
	}
	r.msg.Nak(rejectAgain)
}
