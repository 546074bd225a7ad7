package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// Published is a batch whose message is on EVENTS, and for how long it has been.
type Published struct {
	Batch event.ID
	Ago   time.Duration
}

// MarkPublished takes batches out of the outbox.
func (s *Store) MarkPublished(ctx context.Context, published []Published) error {
	if err := markPublished(ctx, s.db, published); err != nil {
		return fmt.Errorf("mark %d batches published: %w", len(published), err)
	}
	return nil
}

// markPublished: the mark may be lost in a crash of the database, which costs a batch
// that is published twice, so nobody waits for the disk: set_config holds for this
// transaction. The bounds let PostgreSQL skip the partitions of other days.
func markPublished(ctx context.Context, db querier, published []Published) error {
	batches, ago := make([]event.ID, len(published)), make([]time.Duration, len(published))
	for i, p := range published {
		batches[i], ago[i] = p.Batch, p.Ago
	}
	_, err := db.Exec(ctx, `
		UPDATE batches b SET published_at = now() - p.ago
		FROM unnest($1::uuid[], $2::interval[]) AS p(batch, ago), (SELECT set_config('synchronous_commit', 'off', true)) AS unhurried
		WHERE b.id = p.batch AND b.id >= $3 AND b.id <= $4`, batches, ago,
		slices.MinFunc(batches, event.ID.Compare), slices.MaxFunc(batches, event.ID.Compare))
	return err
}

// Sweep hands batches that are older than delay and not yet published to
// publish, at most limit of them, and marks them when that succeeded. Batches
// that another process is sweeping are passed over. It returns how many there
// were. The events come back with Recheck set: they may have been published by
// somebody who died before saying so.
func (s *Store) Sweep(ctx context.Context, delay time.Duration, limit int, publish func(context.Context, []Batch) error) (int, error) {
	var swept int
	err := s.transact(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT id, tenant_ids, event_ids, coalesce(round, 0) FROM batches
			WHERE published_at IS NULL AND id < $1 ORDER BY id LIMIT $2
			FOR UPDATE SKIP LOCKED`, event.FloorID(time.Now().Add(-delay)), limit)
		if err != nil {
			return err
		}
		found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct {
			ID      event.ID
			Tenants []event.ID
			Events  []event.ID
			Round   int64
		}])
		if err != nil || len(found) == 0 {
			return err
		}
		batches, published := make([]Batch, 0, len(found)), make([]Published, 0, len(found))
		for _, f := range found {
			events, err := batchEvents(ctx, tx, f.Tenants, f.Events)
			if err != nil {
				return err
			}
			for i := range events {
				events[i].Round = f.Round
			}
			batches, published = append(batches, Batch{ID: f.ID, Events: events}), append(published, Published{Batch: f.ID})
		}
		if err := publish(ctx, batches); err != nil {
			return err
		}
		swept = len(batches)
		return markPublished(ctx, tx, published)
	})
	if err != nil {
		return 0, fmt.Errorf("sweep outbox: %w", err)
	}
	return swept, nil
}

// mostUnpublished is as far as Unpublished counts: it is done again and again, most
// of all when there is much.
const mostUnpublished = 100_000

// Unpublished counts the batches in the outbox, up to 100,000, and returns when the
// oldest was accepted, zero if there is none.
func (s *Store) Unpublished(ctx context.Context) (n int, oldest time.Time, err error) {
	var first *event.ID
	err = s.db.QueryRow(ctx, `
		SELECT count(*), (array_agg(id))[1] FROM (SELECT id FROM batches WHERE published_at IS NULL ORDER BY id LIMIT $1) AS waiting`,
		mostUnpublished).Scan(&n, &first)
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("count unpublished batches: %w", err)
	}
	if first != nil {
		oldest = first.Time()
	}
	return n, oldest, nil
}

func batchEvents(ctx context.Context, tx pgx.Tx, tenants, ids []event.ID) ([]event.Event, error) {
	// The bounds let PostgreSQL skip the partitions of other days.
	rows, err := tx.Query(ctx, `
		SELECT `+travelColumns()+`
		FROM unnest($1::uuid[], $2::uuid[]) AS w(tenant_id, id)
		JOIN events e ON e.tenant_id = w.tenant_id AND e.id = w.id
		JOIN tenants t ON t.id = e.tenant_id
		WHERE e.id >= $3 AND e.id <= $4 ORDER BY e.id`, tenants, ids, ids[0], ids[len(ids)-1])
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (event.Event, error) {
		e := event.Event{Recheck: true}
		err := scanTravelling(row, &e)
		return e, err
	})
}
