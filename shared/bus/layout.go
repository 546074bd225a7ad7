package bus

import (
	"errors"
	"flag"
	"fmt"
)

// Layout is how the streams are laid out on the NATS servers. The bootstrap step
// decides it, for all stages.
type Layout struct {
	Replicas int `json:"replicas"` // servers that store each stream
}

// Flags registers the settings of the bootstrap step.
func (l *Layout) Flags(fs *flag.FlagSet) {
	fs.IntVar(&l.Replicas, "replicas", 1, "how many NATS servers store each `stream`: 1, 3 or 5")
}

// Validate returns what is wrong with the settings, all of it.
func (l *Layout) Validate() error {
	var faults []error
	if l.Replicas != 1 && l.Replicas != 3 && l.Replicas != 5 {
		faults = append(faults, fmt.Errorf("replicas is %d: must be 1, 3 or 5", l.Replicas))
	}
	return errors.Join(faults...)
}
