package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// failingAt is the failed attempt of a delivery, counted from 1, that somebody is
// told of while there are more to come.
const failingAt = 4

// attemptNews is an attempt that there is something to tell of.
type attemptNews struct {
	*Attempt

	kind string
}

// news is the type of the notice that the attempt is worth, empty for none. A
// success may be a recovery when it came late or was asked for.
func (a *Attempt) news() string {
	switch {
	case a.Tenant == SystemTenant:
		return "" // that would never end
	case a.Outcome == OutcomeSuccess:
		if a.Number > failingAt || !a.Run.IsZero() {
			return AttemptRecovered
		}
		return ""
	case a.NextAt.IsZero():
		return AttemptExhausted
	case a.Number == failingAt:
		return AttemptFailing
	default:
		return ""
	}
}

// attemptNews picks the attempts that somebody wants to be told of. It asks the
// database only when there may be any, so first attempts that succeed cost
// nothing more.
func (s *Store) attemptNews(ctx context.Context, attempts []Attempt) ([]attemptNews, error) {
	var news []attemptNews
	for i := range attempts {
		if kind := attempts[i].news(); kind != "" {
			news = append(news, attemptNews{&attempts[i], kind})
		}
	}
	if len(news) == 0 {
		return nil, nil
	}
	wanted, err := s.wantedNotices(ctx)
	return slices.DeleteFunc(news, func(n attemptNews) bool { return !slices.Contains(wanted, n.kind) }), err
}

// attemptNotice is the data of a notice of an attempt.
type attemptNotice struct {
	AppID       string      `json:"appId"`
	AppUID      string      `json:"appUid,omitempty"`
	EndpointID  string      `json:"endpointId"`
	LastAttempt lastAttempt `json:"lastAttempt"`
	MsgEventID  string      `json:"msgEventId,omitempty"`
	MsgID       string      `json:"msgId"`
}

type lastAttempt struct {
	ID                 string    `json:"id"`
	ResponseStatusCode int       `json:"responseStatusCode"`
	Timestamp          time.Time `json:"timestamp"`
}

// attemptNewsSQL finds the names that owners gave, and whether the newest attempt
// before that was worth a notice, or a success, was a failure: only then is a
// success a recovery. The bounds let PostgreSQL skip the partitions of other days.
const attemptNewsSQL = `
SELECT a.id, coalesce(t.uid, ''), coalesce(e.uid, ''), coalesce((
    SELECT p.outcome <> '` + OutcomeSuccess + `' FROM attempts p
    WHERE p.event_id = a.event_id AND p.endpoint_id = a.endpoint_id AND p.id < a.id AND p.id >= $5
        AND (p.outcome = '` + OutcomeSuccess + `' OR p.next_at IS NULL OR p.attempt >= $7)
    ORDER BY p.id DESC LIMIT 1), false)
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[]) AS a(id, tenant_id, event_id, endpoint_id)
JOIN tenants t ON t.id = a.tenant_id
LEFT JOIN events e ON e.tenant_id = a.tenant_id AND e.id = a.event_id AND e.id >= $5 AND e.id <= $6`

// tellOfAttempts stores notices of attempts, which must be stored already.
func (s *Store) tellOfAttempts(ctx context.Context, news []attemptNews) error {
	n := len(news)
	ids, tenants, events, endpoints := make([]event.ID, n), make([]event.ID, n), make([]event.ID, n), make([]event.ID, n)
	byID := make(map[event.ID]attemptNews, n)
	for i, a := range news {
		ids[i], tenants[i], events[i], endpoints[i] = a.ID, a.Tenant, a.Event, a.Endpoint
		byID[a.ID] = a
	}
	oldest, newest := slices.MinFunc(events, event.ID.Compare), slices.MaxFunc(events, event.ID.Compare)
	rows, err := s.db.Query(ctx, attemptNewsSQL, ids, tenants, events, endpoints,
		event.FloorID(oldest.Time().Add(-clockSkew)), newest, failingAt)
	if err != nil {
		return fmt.Errorf("read what attempts were of: %w", err)
	}
	var notices []notice
	var id event.ID
	var tenantUID, eventUID string
	var recovered bool
	_, err = pgx.ForEachRow(rows, []any{&id, &tenantUID, &eventUID, &recovered}, func() error {
		a := byID[id]
		if a.kind == AttemptRecovered && !recovered {
			return nil
		}
		notices = append(notices, a.notice(tenantUID, eventUID))
		return nil
	})
	if err != nil {
		return fmt.Errorf("read what attempts were of: %w", err)
	}
	return s.tell(ctx, notices)
}

func (a attemptNews) notice(tenantUID, eventUID string) notice {
	id := event.Attempt.Format(a.ID)
	return notice{Type: a.kind, once: id, Data: attemptNotice{
		AppID: event.Tenant.Format(a.Tenant), AppUID: tenantUID, EndpointID: event.Endpoint.Format(a.Endpoint),
		LastAttempt: lastAttempt{ID: id, ResponseStatusCode: a.StatusCode, Timestamp: a.ID.Time()},
		MsgEventID:  eventUID, MsgID: event.Message.Format(a.Event),
	}}
}
