package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// Selected is one event that a task delivers to one endpoint.
type Selected struct {
	Event    event.Event
	Endpoint event.ID

	// Missed says that the event itself caused no attempt there. Then it goes out
	// as what it should have caused, and is recognised, whichever tasks bring it.
	// Deferrals is how often that was put off before, as a dead letter too.
	Missed    bool
	Deferrals int
}

// Delivery is what the task hands out: in a run of its own, or as what the event
// itself should have caused. It is looked up: one who died may have handed it out,
// or another task.
func (s *Selected) Delivery(task event.ID) event.Delivery {
	d := s.Event.To(s.Endpoint)
	d.Tx, d.Due = 0, time.Time{}
	d.Recheck, d.Missed = true, s.Missed
	if d.Missed {
		d.Deferrals = s.Deferrals
	} else {
		d.Run = task
	}
	return d
}

// selectDeliveries finds the candidates that the task is about and that can be
// delivered: the endpoint is there and enabled, the event is stored and has its
// payload. Bounds on ids let PostgreSQL skip the partitions of other days. Dead
// letters stay locked until the part is done: another task that is about them
// too waits, and then does not find them any more.
func selectDeliveries(ctx context.Context, tx pgx.Tx, t *Task, among []candidate) ([]Selected, error) {
	c := columnsOf(among)
	from, to := attemptsSince(c.oldest.Time())
	missed := "false"
	join := `LEFT JOIN`
	switch {
	case t.redelivers():
		// Somebody may have tried since. Then deliver finds that.
		missed, join = `d.attempts = 0 AND d.run_id IS NULL`, `JOIN`
	case t.Kind == TaskReplay:
		missed = "true"
	}
	q := newQuery(`
		SELECT `+travelColumns()+`, c.endpoint_id, `+missed+`, coalesce(d.deferrals, 0)
		FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) WITH ORDINALITY AS c(tenant_id, event_id, endpoint_id, place)
		JOIN tenants t ON t.id = c.tenant_id AND t.deleted_at IS NULL
		JOIN endpoints p ON p.id = c.endpoint_id AND p.deleted_at IS NULL AND NOT p.disabled
		JOIN events e ON e.tenant_id = c.tenant_id AND e.id = c.event_id AND e.id >= $4 AND e.id <= $5 AND NOT `+gone+`
		`+join+` dead_letters d ON d.endpoint_id = c.endpoint_id AND d.event_id = c.event_id
		WHERE $6::uuid < $7::uuid`, // true; it refuses an argument that is nowhere used
		c.tenants, c.events, c.endpoints, c.oldest, c.newest, from, to)
	lock := ""
	switch {
	case t.redelivers():
		q.deadOf(t)
		lock = ` FOR UPDATE OF d`
	case t.Kind == TaskReplay:
		// What is for later is on its way.
		q.sql.WriteString(` AND coalesce(e.deliver_at <= now(), true) AND ` + wants + ` AND NOT EXISTS (SELECT FROM attempts a WHERE ` + ofCandidate + `)`)
	case t.Kind == TaskBulkReplay:
		q.attempted(t.Selection)
	}
	if t.again {
		q.and(`NOT EXISTS (SELECT FROM attempts a WHERE `+ofCandidate+` AND a.run_id = %s)`, t.ID)
	}
	q.sql.WriteString(` ORDER BY c.place` + lock)
	rows, err := tx.Query(ctx, q.sql.String(), q.args...)
	return collect(rows, err, func(row pgx.Row, s *Selected) error {
		return scanTravelling(row, &s.Event, &s.Endpoint, &s.Missed, &s.Deferrals)
	})
}

// ofCandidate are the attempts a of the event e of candidate c, of all days on
// which there can be any.
const ofCandidate = `a.event_id = e.id AND a.endpoint_id = c.endpoint_id AND a.id >= $6 AND a.id < $7`

// wants asks of endpoint p and event e what fanout does.
const wants = `(e.endpoint_id = p.id OR e.endpoint_id IS NULL
	AND (p.event_types IS NULL OR e.event_type = ANY(p.event_types)) AND (p.channels IS NULL OR e.channels && p.channels))`

// attempted keeps to events that were attempted at the endpoint, and to what is
// asked of them and of their newest attempt.
func (q *query) attempted(f Selection) {
	if len(f.Types) > 0 {
		q.and(`e.event_type = ANY(%s)`, f.Types)
	}
	if f.Channel != "" {
		q.and(`%s = ANY(e.channels)`, f.Channel)
	}
	if f.Tag != "" {
		q.and(`%s = ANY(e.tags)`, f.Tag)
	}
	q.sql.WriteString(` AND EXISTS (SELECT FROM (SELECT ` + stateOf + ` AS state, status_code FROM attempts a
		WHERE ` + ofCandidate + ` ORDER BY a.id DESC LIMIT 1) AS newest WHERE true`)
	if f.State != nil {
		q.and(`state = %s`, *f.State)
	}
	if f.Codes != nil {
		q.and(`status_code >= %s`, f.Codes.From)
		q.and(`status_code < %s`, f.Codes.To)
	}
	q.sql.WriteString(`)`)
}

// deadOf keeps to dead letters d that the task is about: what has died since it
// was made is not of it.
func (q *query) deadOf(t *Task) {
	q.and(`d.died_at < %s`, t.created)
	q.letters(LetterFilter{Reason: t.Reason, Types: t.Types})
}

// columns are candidates as arrays, with the bounds of their events.
type columns struct {
	tenants, events, endpoints []event.ID
	oldest, newest             event.ID
}

func columnsOf(all []candidate) columns {
	n := len(all)
	c := columns{tenants: make([]event.ID, n), events: make([]event.ID, n), endpoints: make([]event.ID, n)}
	for i, one := range all {
		c.tenants[i], c.events[i], c.endpoints[i] = one.Tenant, one.Event, one.Endpoint
		if i == 0 || string(one.Event[:]) < string(c.oldest[:]) {
			c.oldest = one.Event
		}
		if string(one.Event[:]) > string(c.newest[:]) {
			c.newest = one.Event
		}
	}
	return c
}

// forget takes those of the dead letters away that the task is about, and
// returns how many. It locks them in the order in which all do, so that none
// waits for another that waits for it. That they were there is remembered.
func forget(ctx context.Context, tx pgx.Tx, t *Task, events, endpoints []event.ID) (int64, error) {
	q := newQuery(`
		WITH taken AS (
			SELECT d.endpoint_id, d.event_id FROM dead_letters d
			JOIN unnest($1::uuid[], $2::uuid[]) AS c(event_id, endpoint_id)
			  ON d.event_id = c.event_id AND d.endpoint_id = c.endpoint_id
			WHERE true`, events, endpoints)
	q.deadOf(t)
	q.sql.WriteString(`
			ORDER BY ` + letterOrder + ` FOR UPDATE OF d)
		, gone AS (DELETE FROM dead_letters d USING taken WHERE d.endpoint_id = taken.endpoint_id AND d.event_id = taken.event_id
			RETURNING d.*)`)
	var task *event.ID
	if t.Delivers() {
		task = &t.ID
	}
	q.args = append(q.args, task)
	fmt.Fprintf(&q.sql, rememberSQL, fmt.Sprintf("$%d", len(q.args)))
	tag, err := tx.Exec(ctx, q.sql.String(), q.args...)
	return tag.RowsAffected(), err
}

// rememberSQL remembers letters that are gone, and which task delivers them again.
const rememberSQL = `
		INSERT INTO letters_taken (tenant_id, endpoint_id, event_id, attempts, run_id, deferrals, redelivered)
		SELECT tenant_id, endpoint_id, event_id, attempts, run_id, deferrals, %s::uuid FROM gone`

// expungeAll removes the payloads of the candidates that still have theirs.
func expungeAll(ctx context.Context, tx pgx.Tx, t *Task, among []candidate) (int64, error) {
	c := columnsOf(among)
	tag, err := tx.Exec(ctx, `
		UPDATE events SET payload = $5, expunged_at = now()
		WHERE tenant_id = $1 AND id = ANY($2) AND id >= $3 AND id <= $4 AND expunged_at IS NULL`,
		t.Tenant, c.events, c.oldest, c.newest, []byte(expungedPayload))
	return tag.RowsAffected(), err
}
