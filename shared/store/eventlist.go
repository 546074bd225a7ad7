package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// Posted is an event as its producer sees it.
type Posted struct {
	event.Event
	UID      string // the producer's own id; empty: none
	Tags     []string
	Expunged bool // its payload was removed: what stands there says so
}

// EventFilter selects events. Zero fields select everything.
type EventFilter struct {
	Types   []string
	Channel string
	Tag     string
	After   time.Time // of acceptance
	Before  time.Time
}

// selectPosted leaves the payload where it is unless it is wanted: a large one
// is stored apart from its row.
func selectPosted(payload bool) string {
	body := "NULL::bytea"
	if payload {
		body = `CASE WHEN ` + gone + ` THEN '` + expungedPayload + `'::bytea ELSE payload END`
	}
	return `SELECT id, tenant_id, event_type, coalesce(uid, ''), channels, tags, coalesce(priority, ''), deliver_at, ` + gone + `, ` + body + ` FROM events`
}

func scanPosted(row pgx.Row, p *Posted) error {
	var deliverAt *time.Time
	err := row.Scan(&p.ID, &p.Tenant, &p.Type, &p.UID, &p.Channels, &p.Tags, &p.Priority, &deliverAt, &p.Expunged, &p.Payload)
	p.DeliverAt = timeOf(deliverAt)
	return err
}

// Event reads an event of the tenant; of several with the same uid, the newest.
// It returns ErrNotFound.
func (s *Store) Event(ctx context.Context, tenant event.ID, ref Ref, payload bool) (*Posted, error) {
	q := newQuery(selectPosted(payload)+` WHERE tenant_id = $1`, tenant)
	if ref.ID.IsZero() {
		q.and(`uid = %s`, ref.UID)
		q.and(`id >= %s`, event.FloorID(time.Now().Add(-lookBack)))
	} else {
		q.and(`id = %s`, ref.ID)
	}
	q.sql.WriteString(` ORDER BY id DESC LIMIT 1`)
	var p Posted
	if err := scanPosted(s.db.QueryRow(ctx, q.sql.String(), q.args...), &p); err != nil {
		return nil, fmt.Errorf("read event: %w", interpret(err))
	}
	return &p, nil
}

// Events lists events of a tenant by id.
func (s *Store) Events(ctx context.Context, tenant event.ID, f PostedFilter, p Page[event.ID], payload bool) ([]Posted, Rest, error) {
	within := search{f.After, f.Before, firstWindow, f.ofEvents() || !f.Any()}
	ids, rest, err := s.history(p, within, func(w window, p Page[event.ID]) ([]seen, error) {
		q := newQuery(`SELECT id, id, coalesce(true`, tenant)
		f.restrict(q)
		q.sql.WriteString(`, false) FROM events WHERE tenant_id = $1`)
		q.within("id", w)
		turn(q, "id", p)
		rows, err := s.look(ctx, q)
		if err != nil || f.Any() {
			return rows, err
		}
		return rows, f.sort(ctx, s, rows)
	})
	if err != nil {
		return nil, rest, fmt.Errorf("find events: %w", err)
	}
	q := newQuery(selectPosted(payload)+` WHERE tenant_id = $1`, tenant)
	events, err := fetch(ctx, s, q, ids, p, scanPosted)
	if err != nil {
		return nil, rest, fmt.Errorf("list events: %w", err)
	}
	return events, rest, nil
}

// sieve keeps of the rows that fit those whose events are what is asked for, and
// still there.
func (s *Store) sieve(ctx context.Context, tenant event.ID, f *EventFilter, rows []seen) error {
	wanted := make(map[event.ID]bool)
	for _, row := range rows {
		if row.fits {
			wanted[row.event] = false
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	q := newQuery(`SELECT id FROM events WHERE tenant_id = $1`, tenant)
	f.restrict(q)
	q.and(`id = ANY(%s)`, slices.Collect(maps.Keys(wanted)))
	found, err := s.db.Query(ctx, q.sql.String(), q.args...)
	if err != nil {
		return err
	}
	var id event.ID
	if _, err := pgx.ForEachRow(found, []any{&id}, func() error { wanted[id] = true; return nil }); err != nil {
		return err
	}
	for i := range rows {
		rows[i].fits = rows[i].fits && wanted[rows[i].event]
	}
	return nil
}

// ofEvents reports whether anything is asked for of the events themselves.
func (f *EventFilter) ofEvents() bool { return len(f.Types) > 0 || f.Channel != "" || f.Tag != "" }

// restrict keeps to the events that are asked for.
func (f *EventFilter) restrict(q *query) {
	if len(f.Types) > 0 {
		q.and(`event_type = ANY(%s)`, f.Types)
	}
	if f.Channel != "" {
		q.and(`%s = ANY(channels)`, f.Channel)
	}
	if f.Tag != "" {
		q.and(`%s = ANY(tags)`, f.Tag)
	}
}
