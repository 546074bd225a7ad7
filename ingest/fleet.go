package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
)

// fleet finds out how the processes of the installation are, for one caller at a time.
type fleet struct {
	self   func() event.Process
	census *bus.Census
	turn   chan struct{} // holds one while somebody asks
}

func newFleet(b *bus.Bus, self func() event.Process) *fleet {
	return &fleet{self: self, census: b.Census(event.SubjectProcess), turn: make(chan struct{}, 1)}
}

// now asks all processes. This one is told of in any case, and alone while NATS is
// away.
func (f *fleet) now(ctx context.Context) (api.Fleet, error) {
	select {
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
	case <-ctx.Done():
		return api.Fleet{}, fmt.Errorf("wait to ask: %w", context.Cause(ctx))
	}
	self := f.self()
	found := api.Fleet{Complete: true, Processes: []event.Process{self}}
	answers, err := f.census.Take(ctx)
	if errors.Is(err, bus.ErrDisconnected) {
		found.Complete = false
		return found, nil
	}
	if err != nil {
		return api.Fleet{}, err
	}
	for _, answer := range answers {
		p, err := event.ParseProcess(answer)
		if err == nil && p.Instance() != self.Instance() { // else it is of another version, or this one
			found.Processes = append(found.Processes, p)
		}
	}
	slices.SortFunc(found.Processes, func(a, b event.Process) int { return strings.Compare(a.Instance(), b.Instance()) })
	return found, nil
}
