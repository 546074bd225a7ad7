package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postrider/postrider/shared/event"
)

// PollSlack is how much older than its commit the id of an event may be. A request
// takes at most 10 s until a writer of ingest takes it, or is not taken at all,
// and the commit at most 10 s more. The rest is for clocks that are apart, and for
// what the database needs to notice that somebody has given up.
const PollSlack = time.Minute

// Position is how far somebody has read the events of a tenant, so that each is
// read exactly once although events are not committed in the order of their ids.
//
// Events are read in passes. A pass is all events that were committed between two
// moments, so nothing is added to it while it is read, in the order of ids. What
// the next pass has was not committed at the later moment, so its ids are at most
// PollSlack older than that: every pass is a range of ids, and to read a page of
// it costs no more than a page of a list.
//
// The zero Position is the beginning of all events that there are.
type Position struct {
	since commits  // where the pass begins
	until commits  // where it ends; zero: it is to be taken up
	after event.ID // what has been read of it
	next  event.ID // where the ids of the next pass begin
}

// errPosition says that bytes are no Position.
var errPosition = errors.New("not a position")

// PositionAt is the position before the first event that was accepted at t or
// later.
func PositionAt(t time.Time) Position {
	id := event.FloorID(t)
	return Position{since: noCommits, after: id, next: id}
}

// MarshalBinary implements encoding.BinaryMarshaler.
func (p Position) MarshalBinary() ([]byte, error) {
	b := append(p.after[:], p.next[:]...)
	return p.until.append(p.since.append(b)), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (p *Position) UnmarshalBinary(b []byte) error {
	const ids = 2 * len(event.ID{})
	if len(b) < ids {
		return errPosition
	}
	since, rest, err := cutCommits(b[ids:])
	if err != nil {
		return err
	}
	until, rest, err := cutCommits(rest)
	if err != nil {
		return err
	}
	if len(rest) > 0 || since.isZero() {
		return errPosition
	}
	*p = Position{since, until, event.ID(b[:ids/2]), event.ID(b[ids/2 : ids])}
	return nil
}

// Polled is what was read, and the position after it.
type Polled struct {
	Events []Posted
	Next   Position
	Done   bool // there are no more now

	pass Position
}

// After is the position after one of the events.
func (p *Polled) After(i int) Position {
	if i == len(p.Events)-1 {
		return p.Next
	}
	at := p.pass
	at.after = p.Events[i].ID
	return at
}

// Poll reads the events after a position, at most limit of them. Only types and
// channel of the filter count. Events for one endpoint alone are left out, and
// those for later are there at once.
func (s *Store) Poll(ctx context.Context, tenant event.ID, from Position, f EventFilter, limit int) (Polled, error) {
	fresh := from.until.isZero()
	if fresh {
		var err error
		if from, err = s.takeUp(ctx, from); err != nil {
			return Polled{}, fmt.Errorf("poll events: %w", err)
		}
	}
	page := Page[event.ID]{Limit: limit, From: from.after, Ascending: true}
	ids, rest, err := s.history(page, search{window: firstWindow, filtered: f.ofEvents()}, func(w window, p Page[event.ID]) ([]seen, error) {
		q := newQuery(`SELECT id, id, coalesce(endpoint_id IS NULL`, tenant)
		f.restrict(q)
		q.sql.WriteString(`, false) FROM events WHERE tenant_id = $1`)
		q.within("id", w)
		q.and(`pg_visible_in_snapshot(tx, %s::pg_snapshot)`, from.until.String())
		q.and(`NOT pg_visible_in_snapshot(tx, %s::pg_snapshot)`, from.since.String())
		turn(q, "id", p)
		return s.look(ctx, q)
	})
	if err != nil {
		return Polled{}, fmt.Errorf("poll events: %w", err)
	}
	events, err := fetch(ctx, s, newQuery(selectPosted(true)+` WHERE tenant_id = $1`, tenant), ids, page, scanPosted)
	if err != nil {
		return Polled{}, fmt.Errorf("read polled events: %w", err)
	}
	if rest.More {
		next := from
		next.after = rest.From
		return Polled{Events: events, Next: next, pass: from}, nil
	}
	// More may have come since an older pass was taken up.
	next := Position{since: from.until, after: from.next, next: from.next}
	return Polled{Events: events, Next: next, Done: fresh, pass: from}, nil
}

// takeUp ends the pass at this moment. The clock is read first: what is not
// committed by then has an id that is at most PollSlack older.
func (s *Store) takeUp(ctx context.Context, p Position) (Position, error) {
	floor := event.FloorID(time.Now().Add(-PollSlack))
	var now string
	if err := s.db.QueryRow(ctx, `SELECT pg_current_snapshot()::text`).Scan(&now); err != nil {
		return p, fmt.Errorf("read snapshot: %w", err)
	}
	var err error
	p.until, err = parseCommits(now)
	if p.since.isZero() {
		p.since = noCommits
	}
	if p.next.Compare(floor) < 0 { // or else all of this is later than that
		p.next = floor
	}
	return p, err
}
