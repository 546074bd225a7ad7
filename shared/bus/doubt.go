package bus

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// subjectDoubt is outside of all streams: where whoever finds that streams lost
// something tells all processes.
const subjectDoubt = "doubt"

// doubtSlack is how far the server's clock may be from ours.
const doubtSlack = 5 * time.Second

// doubt is the moment before which nothing on a stream is taken for news, in
// nanoseconds. It is safe for concurrent use; the zero value doubts nothing.
type doubt struct {
	before atomic.Int64
	spread atomic.Int64 // when the other processes were told last
}

func (d *doubt) raise(before time.Time) {
	for at := before.UnixNano(); ; {
		old := d.before.Load()
		if at <= old || d.before.CompareAndSwap(old, at) {
			return
		}
	}
}

func (d *doubt) covers(stored time.Time) bool {
	before := d.before.Load()
	return before != 0 && stored.UnixNano() < before+int64(doubtSlack)
}

// Doubt has all messages that were stored before taken for such as may have been
// handed out already, with what was done of them unknown to the stream: see
// Msg.Doubtful. The bus does so itself whenever its connection was made anew. It
// costs a look-up for each message that waits, and nothing for later ones.
func (b *Bus) Doubt(before time.Time) { b.held.doubt.raise(before) }

// SpreadDoubt calls Doubt in all processes that are connected now. One that is not
// doubts when it is again.
func (b *Bus) SpreadDoubt(before time.Time) error {
	text, err := before.MarshalText()
	if err == nil {
		err = b.nc.Publish(subjectDoubt, text)
	}
	if err == nil {
		err = b.nc.FlushTimeout(publishTimeout)
	}
	if err != nil {
		return fmt.Errorf("spread doubt: %w", err)
	}
	return nil
}

// spreadEvery is how often a process tells the others at most that a leader is gone.
const spreadEvery = int64(time.Second)

// doubtNow calls Doubt for this moment in all processes: another may get what was
// handed out to this one. Those that do not hear of it may find out by themselves.
func (b *Bus) doubtNow() {
	now := time.Now()
	b.Doubt(now)
	last := b.held.doubt.spread.Load()
	if now.UnixNano()-last < spreadEvery || !b.held.doubt.spread.CompareAndSwap(last, now.UnixNano()) {
		return
	}
	if text, err := now.MarshalText(); err == nil {
		_ = b.nc.Publish(subjectDoubt, text) // without a connection: see above
	}
}

// hearDoubt listens for SpreadDoubt until the connection ends.
func (b *Bus) hearDoubt() error {
	_, err := b.nc.Subscribe(subjectDoubt, func(m *nats.Msg) {
		var before time.Time
		if before.UnmarshalText(m.Data) == nil && !before.After(time.Now().Add(time.Minute)) {
			b.Doubt(before)
		}
	})
	if err != nil {
		return fmt.Errorf("listen for doubt: %w", err)
	}
	return nil
}
