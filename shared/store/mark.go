package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// StreamMark is what a stream was like when somebody last looked at it.
type StreamMark struct {
	Stream  string
	Created time.Time
	LastSeq uint64
	Config  []byte // JSON
}

// Look is what whoever watches the streams has seen of them last.
type Look struct {
	Marks []StreamMark
	At    time.Time // zero: nobody has looked yet
	Met   bool      // the NATS server that was asked about has been looked at before
}

// LastLook reads what was seen last, by whichever process, and whether the server
// was looked at before.
func (s *Store) LastLook(ctx context.Context, server string) (Look, error) {
	var l Look
	rows, err := s.db.Query(ctx, `SELECT stream, created_at, last_seq, config FROM stream_marks`)
	l.Marks, err = collect(rows, err, func(row pgx.Row, m *StreamMark) error {
		return row.Scan(&m.Stream, &m.Created, &m.LastSeq, &m.Config)
	})
	if err != nil {
		return l, fmt.Errorf("read marks: %w", err)
	}
	var at *time.Time
	err = s.db.QueryRow(ctx, `SELECT max(last_seen), coalesce(bool_or(id = $1), false) FROM nats_servers WHERE watched`, server).Scan(&at, &l.Met)
	if err != nil {
		return l, fmt.Errorf("read servers: %w", err)
	}
	l.At = timeOf(at)
	return l, nil
}

// SaveLook notes what was seen of the streams of a server, and since when the
// oldest message waits there that is on its way to a first attempt. What was found
// to be lost by it is to be looked for: r is noted with the rest or not at all; nil
// when it is nothing.
func (s *Store) SaveLook(ctx context.Context, server string, marks []StreamMark, oldest time.Time, r *Reconciliation) error {
	err := s.transact(ctx, func(tx pgx.Tx) error {
		var batch pgx.Batch
		for _, m := range marks {
			batch.Queue(`
				INSERT INTO stream_marks AS was (stream, created_at, last_seq, config) VALUES ($1, $2, $3, $4)
				ON CONFLICT (stream) DO UPDATE
				SET created_at = excluded.created_at, last_seq = excluded.last_seq, config = excluded.config
				WHERE (was.created_at, was.last_seq, was.config) IS DISTINCT FROM (excluded.created_at, excluded.last_seq, excluded.config)`,
				m.Stream, m.Created, m.LastSeq, m.Config)
		}
		batch.Queue(`
			INSERT INTO nats_servers (id, watched) VALUES ($1, true)
			ON CONFLICT (id) DO UPDATE SET watched = true, last_seen = now()`, server)
		if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
			return err
		}
		if r != nil {
			if err := s.on(tx).ask(ctx, r); err != nil {
				return err
			}
		}
		return s.on(tx).noteFloor(ctx, oldest)
	})
	if err != nil {
		return fmt.Errorf("note marks: %w", err)
	}
	return nil
}

// MeetServer notes that the NATS server with the id is there, and returns until
// when messages were stored that it may have lost or have again: when it was met
// for the first time, by any process, or when anything was last found to be lost.
func (s *Store) MeetServer(ctx context.Context, id string) (doubt time.Time, err error) {
	err = s.db.QueryRow(ctx, `
		INSERT INTO nats_servers AS n (id) VALUES ($1)
		ON CONFLICT (id) DO UPDATE SET last_seen = greatest(n.last_seen, now())
		RETURNING greatest(first_seen, (SELECT max(created_at) FROM reconciliations))`, id).Scan(&doubt)
	if err != nil {
		return time.Time{}, fmt.Errorf("note NATS server: %w", err)
	}
	return doubt, nil
}

// hops bounds how often an event goes from one place to another before its first
// attempt: outbox, EVENTS, once more for a wide one, DELIVER, the lane of its
// tenant, that of its endpoint. A dead letter goes once more.
const hops = 7

// floorSQL goes back from a moment: whatever was somewhere then had come there
// since the floor of the time, and was in the place before until just then.
const floorSQL = `
WITH RECURSIVE back(n, at) AS (
	SELECT 0, $1::timestamptz
	UNION ALL
	SELECT n + 1, least(at, coalesce(
		(SELECT oldest_at FROM stream_floors WHERE seen_at <= back.at ORDER BY seen_at DESC LIMIT 1),
		(SELECT oldest_at FROM stream_floors ORDER BY seen_at LIMIT 1)))
	FROM back WHERE n < $2
)
SELECT min(at) FROM back`

// Floor returns the earliest time of acceptance of an event that can have been on
// its way to its first attempts at the moment. When a message was stored says
// little of that: it may have come from another stream a moment before.
func (s *Store) Floor(ctx context.Context, at time.Time) (time.Time, error) {
	var floor time.Time
	if err := s.db.QueryRow(ctx, floorSQL, at, hops).Scan(&floor); err != nil {
		return floor, fmt.Errorf("find floor: %w", err)
	}
	return floor, nil
}

// noteFloor notes since when the oldest waits: a message, an event in the outbox,
// or what a reconciliation has not come to. Rows that no Floor will ask for go.
func (s *Store) noteFloor(ctx context.Context, oldest time.Time) error {
	var undone *time.Time
	err := s.db.QueryRow(ctx, `SELECT min(since) FROM reconciliations WHERE finished_at IS NULL`).Scan(&undone)
	if err != nil {
		return err
	}
	if at := timeOf(undone); undone != nil && at.Before(oldest) {
		oldest = at
	}
	rows, err := s.db.Query(ctx, `SELECT min(event_ids[1]::text) FROM batches WHERE published_at IS NULL`)
	if err != nil {
		return err
	}
	unpublished, err := pgx.CollectOneRow(rows, pgx.RowTo[*string])
	if err != nil {
		return err
	}
	if unpublished != nil {
		id, err := parseUUID(*unpublished)
		if err != nil {
			return err
		}
		if at := id.Time(); at.Before(oldest) {
			oldest = at
		}
	}
	var batch pgx.Batch
	batch.Queue(`
		INSERT INTO stream_floors (seen_at, oldest_at)
		SELECT now(), $1 WHERE $1 IS DISTINCT FROM (SELECT oldest_at FROM stream_floors ORDER BY seen_at DESC LIMIT 1)
		ON CONFLICT (seen_at) DO UPDATE SET oldest_at = excluded.oldest_at`, oldest)
	batch.Queue(`
		DELETE FROM stream_floors WHERE seen_at < (SELECT max(seen_at) FROM stream_floors WHERE seen_at <= (`+floorSQL+`))`, time.Now(), hops)
	return s.db.SendBatch(ctx, &batch).Close()
}
