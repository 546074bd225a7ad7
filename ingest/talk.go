package ingest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
)

// lookedInto is in how many subjects of a stream, the longest, the oldest message is
// looked for.
const lookedInto = 256

// talk finds out who has how much of the pipeline, for one caller at a time: what
// that costs NATS is bounded however often it is asked for.
type talk struct {
	bus    *bus.Bus
	census *bus.Census
	turn   chan struct{} // holds one while somebody asks
}

func newTalk(b *bus.Bus) *talk {
	return &talk{bus: b, census: b.Census(event.SubjectLoad), turn: make(chan struct{}, 1)}
}

// now asks the deliver processes and the streams. It returns bus.ErrDisconnected
// while NATS is away.
func (t *talk) now(ctx context.Context) (api.Talk, error) {
	leave, err := t.enter(ctx)
	if err != nil {
		return api.Talk{}, err
	}
	defer leave()
	loads, err := t.loads(ctx)
	if err != nil {
		return api.Talk{}, err
	}
	all := make(tally)
	found := api.Talk{Workers: len(loads)}
	for _, l := range loads {
		found.Slots += l.Slots
		all.load(l)
	}
	heads := map[string][]string{event.StreamOverflow: {event.SubjectsOverflow}}
	for _, l := range event.Lanes() {
		heads[event.StreamDeliver] = append(heads[event.StreamDeliver], l.Filter())
	}
	for stream, filters := range heads {
		if err := t.look(ctx, stream, filters, all); err != nil {
			return api.Talk{}, err
		}
	}
	for _, talker := range all {
		found.Talkers = append(found.Talkers, *talker)
	}
	return found, nil
}

// enter waits for one's turn to ask.
func (t *talk) enter(ctx context.Context) (leave func(), err error) {
	select {
	case t.turn <- struct{}{}:
		return func() { <-t.turn }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait to ask: %w", context.Cause(ctx))
	}
}

// loads asks the deliver processes what they have in hand.
func (t *talk) loads(ctx context.Context) (all []event.Load, err error) {
	answers, err := t.census.Take(ctx)
	for _, answer := range answers {
		if l, err := event.ParseLoad(answer); err == nil { // else it is of another version
			all = append(all, l)
		}
	}
	return all, err
}

// look adds what a stream holds of whom, and since when: at the heads of its
// queues, and where there is most.
func (t *talk) look(ctx context.Context, stream string, heads []string, all tally) error {
	subjects, err := t.bus.Subjects(ctx, stream, strings.ToLower(stream)+".>")
	if err != nil || len(subjects) == 0 {
		return err
	}
	for subject, n := range subjects {
		all.stored(subject, func(talker *api.Talker) { talker.Backlog += int(n) }) //nolint:gosec // a count
	}
	longest := slices.SortedFunc(maps.Keys(subjects), func(a, b string) int { return cmp.Compare(subjects[b], subjects[a]) })
	first, err := t.bus.First(ctx, stream, append(heads, longest[:min(lookedInto, len(longest))]...)...)
	if err != nil {
		return err
	}
	for _, f := range first {
		all.stored(f.Subject, func(talker *api.Talker) {
			if talker.Oldest.IsZero() || f.At.Before(talker.Oldest) {
				talker.Oldest = f.At
			}
		})
	}
	return nil
}

// tally is what is known of each tenant, whose endpoint is zero, and of each
// endpoint.
type tally map[who]*api.Talker

type who struct{ tenant, endpoint event.ID }

func (all tally) of(tenant, endpoint event.ID) *api.Talker {
	talker := all[who{tenant, endpoint}]
	if talker == nil {
		talker = &api.Talker{Talker: event.Talker{Tenant: tenant, Endpoint: endpoint}}
		all[who{tenant, endpoint}] = talker
	}
	return talker
}

func (all tally) load(l event.Load) {
	for _, found := range slices.Concat(l.Tenants, l.Endpoints) {
		talker := all.of(found.Tenant, found.Endpoint)
		talker.Slots += found.Slots
		talker.Waiting += found.Waiting
	}
}

// stored adds something to all whom the subject is about. What nobody of ours put
// there is nobody's.
func (all tally) stored(subject string, add func(*api.Talker)) {
	tenant, endpoint, err := event.ParseSubject(subject)
	if err != nil {
		return
	}
	add(all.of(tenant, event.ID{}))
	if !endpoint.IsZero() {
		add(all.of(tenant, endpoint))
	}
}
