package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// OutboxBytes is how large a message on EVENTS gets, unless it is one event.
const OutboxBytes = 256 << 10

// batchesAtOnce is how many batches are looked at in a part: each may have
// hundreds of events.
const batchesAtOnce = 64

// missingEvents looks at the events that were published in the time before the
// reconciliation was asked for, in the order of their batches. One that an endpoint should have got and shows no sign of goes
// into the outbox once more, in a batch of its own: the sweeper publishes it, fanout
// finds out what there is to do, and deliver looks up what was done.
func missingEvents(ctx context.Context, tx pgx.Tx, r *Reconciliation, limit int, _ HandOut) (progress, error) {
	from := event.FloorID(r.Since)
	if r.position != nil {
		from = r.position.ID
	}
	rows, err := tx.Query(ctx, `
		SELECT id, tenant_ids, event_ids FROM batches
		WHERE id > $1 AND id < $2 AND published_at < $3 AND round IS NULL ORDER BY id LIMIT $4`,
		from, event.FloorID(r.Created.Add(clockSkew)), r.Created, min(limit, batchesAtOnce))
	type batch struct {
		id              event.ID
		tenants, events []event.ID
	}
	found, err := collect(rows, err, func(row pgx.Row, b *batch) error { return row.Scan(&b.id, &b.tenants, &b.events) })
	if err != nil || len(found) == 0 {
		return progress{}, err
	}
	var all []candidate
	for _, b := range found {
		for i := range b.events {
			all = append(all, candidate{Tenant: b.tenants[i], Event: b.events[i]})
		}
	}
	again, err := putOutAgain(ctx, tx, r, all)
	if err != nil || len(found) < min(limit, batchesAtOnce) {
		return progress{again: again}, err
	}
	return progress{&position{ID: found[len(found)-1].id}, again}, nil
}

// soon is how far ahead what waits is put into the wheel again. What is lost of the
// rest is found a minute after it was due, which is within its jitter.
const soon = 5 * time.Minute

// missingLater looks at the events of earlier times that were not to be delivered at
// once and are due since, or will be.
func missingLater(ctx context.Context, tx pgx.Tx, r *Reconciliation, limit int, _ HandOut) (progress, error) {
	at := position{At: r.Since}
	if r.position != nil {
		at = *r.position
	}
	q := newQuery(`SELECT tenant_id, id, deliver_at FROM events WHERE deliver_at IS NOT NULL AND (deliver_at, id) > ($1, $2) AND id < $3`,
		at.At, at.ID, event.FloorID(r.Since))
	if !r.Lost {
		q.and(`deliver_at < %s`, r.Created.Add(soon))
	}
	q.and(`true ORDER BY deliver_at, id LIMIT %s`, limit)
	rows, err := tx.Query(ctx, q.sql.String(), q.args...)
	found, err := collect(rows, err, func(row pgx.Row, c *candidate) error { return row.Scan(&c.Tenant, &c.Event, &at.At) })
	if err != nil || len(found) == 0 {
		return progress{}, err
	}
	at.ID = found[len(found)-1].Event
	again, err := putOutAgain(ctx, tx, r, found)
	if err != nil || len(found) < limit {
		return progress{again: again}, err
	}
	return progress{&at, again}, nil
}

// missingSQL finds those of some events that an endpoint wants, as both are now,
// and that have no sign there of having come: no attempt and no dead letter, not
// even one that was taken away. It tells how large they are on a stream.
const missingSQL = `
SELECT e.tenant_id, e.id, $7::integer + length(e.event_type) + coalesce(length(array_to_string(e.channels, '","')), 0)
	+ CASE WHEN length(e.payload) > $8 THEN 0 ELSE length(e.payload) END
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS c(tenant_id, id, until)
JOIN tenants t ON t.id = c.tenant_id AND t.deleted_at IS NULL
JOIN events e ON e.tenant_id = c.tenant_id AND e.id = c.id AND e.id >= $4 AND e.id <= $5
WHERE EXISTS (SELECT FROM endpoints p WHERE p.tenant_id = e.tenant_id AND p.deleted_at IS NULL AND p.id < c.until AND ` + wants + `
	AND NOT EXISTS (SELECT FROM attempts a WHERE a.event_id = e.id AND a.endpoint_id = p.id AND a.id >= $6 AND a.id < $9)
	AND NOT EXISTS (SELECT FROM dead_letters d WHERE d.endpoint_id = p.id AND d.event_id = e.id)
	AND NOT EXISTS (SELECT FROM letters_taken l WHERE l.endpoint_id = p.id AND l.event_id = e.id))
ORDER BY e.id`

// putOutAgain puts those of the events into the outbox that are missing somewhere,
// and returns how many.
func putOutAgain(ctx context.Context, tx pgx.Tx, r *Reconciliation, all []candidate) (int64, error) {
	c := columnsOf(all)
	until := make([]event.ID, len(all))
	for i := range all {
		e := event.Event{ID: all[i].Event}
		until[i] = e.Until()
	}
	from, to := attemptsSince(c.oldest.Time())
	rows, err := tx.Query(ctx, missingSQL, c.tenants, c.events, until, c.oldest, c.newest, from, frameBytes, event.InlineLimit, to)
	if err != nil {
		return 0, err
	}
	type group struct {
		tenants, events []event.ID
		size            int
	}
	var groups []*group
	var one candidate
	var size int
	tag, err := pgx.ForEachRow(rows, []any{&one.Tenant, &one.Event, &size}, func() error {
		if len(groups) == 0 || groups[len(groups)-1].size+size > OutboxBytes {
			groups = append(groups, &group{})
		}
		g := groups[len(groups)-1]
		g.tenants, g.events, g.size = append(g.tenants, one.Tenant), append(g.events, one.Event), g.size+size
		return nil
	})
	if err != nil || len(groups) == 0 {
		return 0, err
	}
	var batch pgx.Batch
	for _, g := range groups {
		batch.Queue(`INSERT INTO batches (id, tenant_ids, event_ids, round) VALUES ($1, $2, $3, $4)`, event.NewID(), g.tenants, g.events, r.round())
	}
	return tag.RowsAffected(), tx.SendBatch(ctx, &batch).Close()
}
