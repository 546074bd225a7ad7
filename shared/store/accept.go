package store

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// NewEvent is an event to be accepted, with what must be unique about it.
type NewEvent struct {
	event.Event
	TenantUID      string // if the tenant was found by it: then it must still have it
	UID            string // the producer's own id, unique within the tenant for at least a day
	Tags           []string
	IdempotencyKey string // and at least 24 h
	Fingerprint    []byte // of the request, to tell whether a key was used for another
}

// Refusal is why an event was not accepted.
type Refusal int

// The refusals.
const (
	Accepted Refusal = iota
	NoTenant         // the tenant does not exist, or no more, or has another uid now
	KeyUsed          // the idempotency key was used before
	UIDUsed          // the producer's event id was used before
)

// Batch is one row of the outbox: events that are published as one message, as
// they travel in it.
type Batch struct {
	ID     event.ID
	Events []event.Event
}

// acceptSQL does all of accepting a group of events in one statement: find the
// tenants, claim the keys, store the events, put their batches in the outbox.
//
// A key is claimed by inserting it into today's partition while yesterday's does
// not have it. An event whose idempotency key could not be claimed claims
// nothing else. Ordered inserts keep two groups from waiting for each other in a
// circle, and give a key to the first of those in one group. The version that comes
// back is the tenant's at this commit.
//
// Tenants and yesterday's keys are looked up for each event, by their indexes,
// however many the planner believes there are: as joins they were read whole while
// the statistics of young tables were still to be made.
//
// From $13 on are columns that few events have. In a group without any of them the
// whole array is NULL, which costs nothing: unnest makes up for what is missing.
const acceptSQL = `
WITH input AS (
    SELECT i.*, t.version
    FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[], $8::text[], $9::bytea[], $10::uuid[], $12::text[],
            $13::text[], $14::uuid[], $15::timestamptz[], $16::timestamptz[], $17::text[])
         AS i(id, tenant_id, event_type, uid, channels, priority, payload, idempotency_key, fingerprint, batch_id, tenant_uid, tags, endpoint_id,
             deliver_at, expires_at, traceparent)
    CROSS JOIN LATERAL (SELECT version FROM tenants t
        WHERE t.id = i.tenant_id AND t.deleted_at IS NULL AND (i.tenant_uid = '' OR t.uid = i.tenant_uid) LIMIT 1) t
), claimed AS (
    INSERT INTO event_keys (day, tenant_id, scope, key, event_id, fingerprint)
    SELECT $11::date, tenant_id, 0, idempotency_key, id, fingerprint FROM input i
    WHERE idempotency_key <> '' AND (
        SELECT k.day FROM event_keys k WHERE k.day = $11::date - 1 AND k.tenant_id = i.tenant_id AND k.scope = 0 AND k.key = i.idempotency_key) IS NULL
    ORDER BY tenant_id, idempotency_key, id
    ON CONFLICT DO NOTHING
    RETURNING event_id
), fresh AS (
    SELECT * FROM input WHERE idempotency_key = '' OR id IN (SELECT event_id FROM claimed)
), named AS (
    INSERT INTO event_keys (day, tenant_id, scope, key, event_id, fingerprint)
    SELECT $11::date, tenant_id, 1, uid, id, fingerprint FROM fresh f
    WHERE uid <> '' AND (
        SELECT k.day FROM event_keys k WHERE k.day = $11::date - 1 AND k.tenant_id = f.tenant_id AND k.scope = 1 AND k.key = f.uid) IS NULL
    ORDER BY tenant_id, uid, id
    ON CONFLICT DO NOTHING
    RETURNING event_id
), stored AS (
    INSERT INTO events (id, tenant_id, event_type, uid, channels, priority, payload, tags, endpoint_id, deliver_at, expires_at, traceparent)
    SELECT id, tenant_id, event_type, nullif(uid, ''), string_to_array(nullif(channels, ''), ','), nullif(priority, ''), payload,
        string_to_array(tags, ','), endpoint_id, deliver_at, expires_at, traceparent
    FROM fresh WHERE uid = '' OR id IN (SELECT event_id FROM named)
    RETURNING id, tenant_id
), outbox AS (
    INSERT INTO batches (id, tenant_ids, event_ids)
    SELECT batch_id, array_agg(tenant_id ORDER BY id), array_agg(id ORDER BY id)
    FROM input JOIN stored USING (id, tenant_id) GROUP BY batch_id
)
SELECT i.id, i.version, pg_current_xact_id(),
    CASE WHEN s.id IS NOT NULL THEN 0
         WHEN i.idempotency_key <> '' AND i.id NOT IN (SELECT event_id FROM claimed) THEN 2
         ELSE 3 END
FROM input i LEFT JOIN stored s ON s.id = i.id`

// frameBytes is how much of a message an event takes beside its type, channels,
// trace and payload, at most.
const frameBytes = 400

// Accept stores a group of events in one transaction, in batches that make
// messages of at most batchBytes each, or of one event. It returns a verdict on every event, in
// order, and the batches to publish. It sets version and transaction number of each accepted event.
// An error means that nothing was stored.
func (s *Store) Accept(ctx context.Context, events []NewEvent, batchBytes int) ([]Refusal, []Batch, error) {
	args, batchOf := acceptArgs(events, batchBytes)
	rows, err := s.db.Query(ctx, acceptSQL, args...)
	if err != nil {
		return nil, nil, fmt.Errorf("accept %d events: %w", len(events), err)
	}
	type verdict struct {
		version int64
		tx      uint64
		refusal Refusal
	}
	verdicts := make(map[event.ID]verdict, len(events))
	var id event.ID
	var v verdict
	_, err = pgx.ForEachRow(rows, []any{&id, &v.version, &v.tx, &v.refusal}, func() error {
		verdicts[id] = v
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("accept %d events: %w", len(events), err)
	}
	refusals := make([]Refusal, len(events))
	var batches []Batch
	for i := range events {
		v, ok := verdicts[events[i].ID]
		if !ok {
			v.refusal = NoTenant
		}
		refusals[i] = v.refusal
		if v.refusal != Accepted {
			continue
		}
		events[i].Version, events[i].Tx = v.version, v.tx
		if len(batches) == 0 || batches[len(batches)-1].ID != batchOf[i] {
			batches = append(batches, Batch{ID: batchOf[i]})
		}
		last := &batches[len(batches)-1]
		last.Events = append(last.Events, travelling(events[i].Event))
	}
	return refusals, batches, nil
}

// acceptArgs turns the events into columns and deals them into batches.
func acceptArgs(events []NewEvent, batchBytes int) ([]any, []event.ID) {
	n := len(events)
	ids, tenants, batchOf := make([]event.ID, n), make([]event.ID, n), make([]event.ID, n)
	types, uids, channels := make([]string, n), make([]string, n), make([]string, n)
	priorities, keys, tenantUIDs := make([]string, n), make([]string, n), make([]string, n)
	payloads, fingerprints := make([][]byte, n), make([][]byte, n)
	var batch event.ID
	size := 0
	for i := range events {
		e := &events[i]
		channels[i] = strings.Join(e.Channels, ",")
		travels := frameBytes + len(e.Trace) + len(e.Type) + len(channels[i]) + 2*len(e.Channels) // the quotes
		if len(e.Payload) <= event.InlineLimit {
			travels += len(e.Payload)
		}
		if batch.IsZero() || size+travels > batchBytes {
			batch, size = event.NewID(), 0
		}
		size += travels
		ids[i], tenants[i], batchOf[i] = e.ID, e.Tenant, batch
		types[i], uids[i] = e.Type, e.UID
		priorities[i], keys[i], tenantUIDs[i] = string(e.Priority), e.IdempotencyKey, e.TenantUID
		payloads[i], fingerprints[i] = e.Payload, e.Fingerprint
	}
	today := events[0].ID.Time().Truncate(day)
	return []any{
		ids, tenants, types, uids, channels, priorities, payloads, keys, fingerprints, batchOf, today, tenantUIDs,
		rare(events, func(e *NewEvent) *string { return blank(strings.Join(e.Tags, ",")) }),
		rare(events, func(e *NewEvent) *event.ID { return nullable(e.Endpoint) }),
		rare(events, func(e *NewEvent) *time.Time { return moment(e.DeliverAt) }),
		rare(events, func(e *NewEvent) *time.Time { return moment(e.Expires) }),
		rare(events, func(e *NewEvent) *string { return blank(string(e.Trace)) }),
	}, batchOf
}

// rare is a column that few events have: nil when none of these has it.
func rare[T any](events []NewEvent, value func(*NewEvent) *T) []*T {
	var column []*T
	for i := range events {
		if v := value(&events[i]); v != nil {
			if column == nil {
				column = make([]*T, len(events))
			}
			column[i] = v
		}
	}
	return column
}

// Posted is the event as its producer sees it from now on.
func (e *NewEvent) Posted() *Posted { return &Posted{Event: e.Event, UID: e.UID, Tags: e.Tags} }

// Earlier is an event that claimed a key before.
type Earlier struct {
	Event       event.ID
	Fingerprint []byte
	Stored      bool // false: it was refused all the same
}

// EarlierByKeys finds the events that came with the idempotency keys today or
// yesterday, by key. A key that has expired meanwhile is not among them.
func (s *Store) EarlierByKeys(ctx context.Context, tenant event.ID, keys []string) (map[string]Earlier, error) {
	today := time.Now().UTC().Truncate(day)
	rows, err := s.db.Query(ctx, `
		SELECT DISTINCT ON (key) key, event_id, fingerprint, EXISTS (SELECT FROM events e WHERE e.tenant_id = k.tenant_id AND e.id = k.event_id)
		FROM event_keys k WHERE day >= $1::date - 1 AND tenant_id = $2 AND scope = 0 AND key = ANY($3)
		ORDER BY key, day DESC`, today, tenant, keys)
	if err != nil {
		return nil, fmt.Errorf("find idempotency keys: %w", err)
	}
	found := make(map[string]Earlier, len(keys))
	var key string
	var e Earlier
	_, err = pgx.ForEachRow(rows, []any{&key, &e.Event, &e.Fingerprint, &e.Stored}, func() error {
		found[key] = Earlier{e.Event, bytes.Clone(e.Fingerprint), e.Stored}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find idempotency keys: %w", err)
	}
	return found, nil
}
