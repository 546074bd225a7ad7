package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"github.com/postrider/postrider/shared/event"
)

// showBacklog tells what waits where for one application.
func showBacklog() *command {
	top, scan := 50, 1000
	return look("backlog", "TENANT", "tell what waits where for one application, by its id",
		`TENANT is the id of an application (app_…). What is handed out and not done with
counts as waiting. Messages on EVENTS and RETRY do not have it in their subject: of
each, -scan are looked at, the oldest ones. What tasks have not handed out yet, such as
replays, is in the database and not on a stream.`,
		func(fs *flag.FlagSet) {
			fs.IntVar(&top, "top", top, "how many `subjects` to show, those with the most messages")
			fs.IntVar(&scan, "scan", scan, "how many `messages` of EVENTS and of RETRY to look at, at most")
		},
		func(ctx context.Context, v *viewer, c *call) error {
			tenant, err := event.Tenant.Parse(c.words[0])
			if err != nil {
				return wrongUse(fmt.Errorf("%q is not the id of an application, such as app_0ERVoDPhaBiYYE5EzmGxtMEcYuz: GET /api/v1/app/UID tells it", c.words[0]))
			}
			return v.backlog(ctx, c, tenant, top, scan)
		})
}

func (v *viewer) backlog(ctx context.Context, c *call, tenant event.ID, top, scan int) error {
	t := newTable(c.out, "STREAM", "MESSAGES", "OLDEST", "SUBJECT")
	read := []struct {
		stream string
		count  func(data []byte) (uint64, error)
	}{
		{event.StreamEvents, func(data []byte) (uint64, error) { return eventsOf(tenant, data) }},
		{event.StreamRetry, func(data []byte) (uint64, error) { return deliveriesOf(tenant, data) }},
	}
	var notes []string
	for _, r := range read {
		note, err := v.scan(ctx, t, r.stream, scan, r.count)
		if err != nil {
			return err
		}
		if note != "" {
			notes = append(notes, note)
		}
	}
	own := event.OwnLane{Tenant: tenant}.Subject()
	for _, look := range []struct{ stream, filter string }{
		{event.StreamDeliver, event.SubjectsOf(tenant)},
		{event.StreamOverflow, own},
		{event.StreamOverflow, own + ".*"},
		{event.StreamDLQ, event.SubjectsDeadOf(tenant)},
	} {
		if err := v.counted(ctx, t, look.stream, look.filter, top); err != nil {
			return err
		}
	}
	if err := t.flush(); err != nil {
		return err
	}
	for _, note := range notes {
		_, _ = fmt.Fprintln(c.out, note)
	}
	return nil
}

// counted adds what a stream has under subjects that name the tenant.
func (v *viewer) counted(ctx context.Context, t *table, stream, filter string, top int) error {
	subjects, err := v.Subjects(ctx, stream, filter)
	if err != nil {
		return err
	}
	shown := mostFirst(subjects, top)
	oldest, err := v.First(ctx, stream, shown...)
	if err != nil {
		return err
	}
	since := make(map[string]time.Time, len(oldest))
	for _, o := range oldest {
		since[o.Subject] = o.At
	}
	for _, subject := range shown {
		t.row(stream, subjects[subject], age(v.now, since[subject]), subject)
	}
	if more := len(subjects) - len(shown); more > 0 {
		t.row(stream, "", "", fmt.Sprintf("and %d more (-top)", more))
	}
	return nil
}

// scan adds what the oldest messages of a stream hold of the tenant's, by subject. It
// returns a note when it has not looked at all.
func (v *viewer) scan(ctx context.Context, t *table, stream string, limit int, count func([]byte) (uint64, error)) (note string, err error) {
	found, since := make(map[string]uint64), make(map[string]time.Time)
	looked, stored := 0, uint64(0)
	for _, s := range v.sorted(stream) {
		stored += s.Messages
		for m, err := range v.Peek(ctx, s.Name, ">", false) {
			if err != nil {
				return "", err
			}
			if looked == limit {
				break
			}
			looked++
			n, err := count(m.Data)
			if err != nil || n == 0 {
				continue // poison is none of the tenant's
			}
			subject := event.Plain(m.Subject)
			found[subject] += n
			if at, ok := since[subject]; !ok || m.At.Before(at) {
				since[subject] = m.At
			}
		}
	}
	for _, subject := range mostFirst(found, len(found)) {
		t.row(stream, found[subject], age(v.now, since[subject]), subject)
	}
	if uint64(looked) < stored {
		note = fmt.Sprintf("Of %s the oldest %d messages of %d were looked at (-scan).", stream, looked, stored)
	}
	return note, nil
}

// eventsOf counts the tenant's events in a batch.
func eventsOf(tenant event.ID, data []byte) (n uint64, err error) {
	events, err := event.DecodeEvents(data)
	for i := range events {
		if events[i].Tenant == tenant {
			n++
		}
	}
	return n, err
}

// deliveriesOf is 1 for a delivery of the tenant's.
func deliveriesOf(tenant event.ID, data []byte) (uint64, error) {
	d, err := event.DecodeDelivery(data)
	if err != nil || d.Tenant != tenant {
		return 0, err
	}
	return 1, nil
}
