package bus

import (
	"errors"
	"flag"
	"fmt"

	"github.com/postrider/postrider/shared/event"
)

// Layout is how the streams are laid out on the NATS servers. The bootstrap step
// decides it, for all stages.
type Layout struct {
	Replicas int `json:"replicas"` // servers that store each stream
	Shards   int `json:"shards"`   // that EVENTS, DELIVER, OVERFLOW and RETRY are divided into; they can only become more

	// Bytes is what all streams together may take of a server's disk, and what the
	// server sets aside for them; 0: DefaultBytes. A stream whose part is used up
	// takes nothing more, and its publishers keep what they have (see ErrFull):
	// nothing is thrown away to make room.
	Bytes int64 `json:"bytes"`
}

const (
	// DefaultBytes is room for some two million deliveries of 1 KB in lanes of
	// their own, and for half as many in RETRY.
	DefaultBytes = 8 << 30

	// leastBytes leaves each stream room for more than one message.
	leastBytes = 64 << 20
)

// Flags registers the settings of the bootstrap step.
func (l *Layout) Flags(fs *flag.FlagSet) {
	fs.IntVar(&l.Replicas, "replicas", 1, "how many NATS servers store each `stream`: 1, 3 or 5")
	fs.IntVar(&l.Shards, "shards", 1, "into how many `parts` by tenant the busy streams are divided; can only be raised")
	fs.Int64Var(&l.Bytes, "stream-bytes", DefaultBytes, "most `bytes` of a NATS server's disk that the streams together may take")
}

// Validate returns what is wrong with the settings, all of it.
func (l *Layout) Validate() error {
	var faults []error
	if l.Replicas != 1 && l.Replicas != 3 && l.Replicas != 5 {
		faults = append(faults, fmt.Errorf("replicas is %d: must be 1, 3 or 5", l.Replicas))
	}
	if l.Shards < 1 || l.Shards > event.MaxShards {
		faults = append(faults, fmt.Errorf("shards is %d: must be 1 to %d", l.Shards, event.MaxShards))
	}
	if l.Bytes != 0 && l.Bytes < leastBytes {
		faults = append(faults, fmt.Errorf("stream-bytes is %d: must be at least 64 MiB", l.Bytes))
	}
	return errors.Join(faults...)
}
