package ingest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/shared/event"
)

// lanes finds the own lanes with the longest backlogs, at most limit, and who works on
// them. It returns bus.ErrDisconnected while NATS is away.
func (t *talk) lanes(ctx context.Context, limit int) (api.Lanes, error) {
	leave, err := t.enter(ctx)
	if err != nil {
		return api.Lanes{}, err
	}
	defer leave()
	loads, err := t.loads(ctx)
	if err != nil {
		return api.Lanes{}, err
	}
	found := api.Lanes{Workers: len(loads)}
	instances := make(map[string]string) // by subject
	for _, l := range loads {
		for _, subject := range l.Lanes {
			instances[subject] = l.Instance
		}
	}
	found.Open = len(instances)
	holding, err := t.bus.OwnLanes(ctx)
	if err != nil {
		return api.Lanes{}, err
	}
	for l, n := range holding {
		found.Lanes = append(found.Lanes, api.Lane{OwnLane: l, Backlog: n, Instance: instances[l.Subject()]})
	}
	slices.SortFunc(found.Lanes, func(a, b api.Lane) int {
		return cmp.Or(cmp.Compare(b.Backlog, a.Backlog), strings.Compare(a.Subject(), b.Subject()))
	})
	if found.More = len(found.Lanes) > limit; found.More {
		found.Lanes = found.Lanes[:limit]
	}
	return found, t.age(ctx, found.Lanes)
}

// age finds since when the oldest delivery of each of the lanes is there.
func (t *talk) age(ctx context.Context, lanes []api.Lane) error {
	subjects := make([]string, len(lanes))
	for i, l := range lanes {
		subjects[i] = l.Subject()
	}
	first, err := t.bus.First(ctx, event.StreamOverflow, subjects...)
	if err != nil {
		return fmt.Errorf("look since when lanes wait: %w", err)
	}
	for _, f := range first {
		if i := slices.Index(subjects, f.Subject); i >= 0 {
			lanes[i].Oldest = f.At
		}
	}
	return nil
}
