package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// EventType is a kind of event that endpoints can ask for, common to all
// tenants. Events may be of types that are not listed.
type EventType struct {
	Name        string
	Description string
	Archived    bool // no endpoint can ask for it any more
	Deprecated  bool
	Schemas     json.RawMessage // a JSON object; nil: none

	FeatureFlags []string // nil: none
	Group        string   // empty: none

	CreatedAt time.Time
	UpdatedAt time.Time
}

const eventTypeColumns = `name, description, archived, deprecated, schemas, feature_flags, coalesce(group_name, ''), created_at, updated_at`

func scanEventType(row pgx.Row, t *EventType) error {
	return row.Scan(&t.Name, &t.Description, &t.Archived, &t.Deprecated, &t.Schemas, &t.FeatureFlags, &t.Group, &t.CreatedAt, &t.UpdatedAt)
}

func (t *EventType) columns() []any {
	return []any{t.Name, t.Description, t.Archived, t.Deprecated, t.Schemas, t.FeatureFlags, blank(t.Group)}
}

// CreateEventType stores a new event type, or the archived one of this name anew,
// and sets its times. It returns ErrConflict when there is one that is not
// archived.
func (s *Store) CreateEventType(ctx context.Context, t *EventType) error {
	row := s.db.QueryRow(ctx, `
		INSERT INTO event_types (name, description, archived, deprecated, schemas, feature_flags, group_name) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (name) DO UPDATE SET description = excluded.description, archived = excluded.archived,
			deprecated = excluded.deprecated, schemas = excluded.schemas, feature_flags = excluded.feature_flags,
			group_name = excluded.group_name, updated_at = now()
			WHERE event_types.archived
		RETURNING `+eventTypeColumns, t.columns()...)
	err := interpret(scanEventType(row, t))
	if errors.Is(err, ErrNotFound) {
		err = ErrConflict // neither inserted nor updated
	}
	if err != nil {
		return fmt.Errorf("create event type: %w", err)
	}
	return nil
}

// EventType reads an event type, archived or not. It returns ErrNotFound.
func (s *Store) EventType(ctx context.Context, name string) (*EventType, error) {
	var t EventType
	row := s.db.QueryRow(ctx, `SELECT `+eventTypeColumns+` FROM event_types WHERE name = $1`, name)
	if err := scanEventType(row, &t); err != nil {
		return nil, fmt.Errorf("read event type: %w", interpret(err))
	}
	return &t, nil
}

// EventTypeFilter says which event types are asked for.
type EventTypeFilter struct {
	Archived bool     // those too
	Flagged  bool     // those too that are behind feature flags
	Flags    []string // or behind one of these
}

// EventTypes lists event types by name, and tells whether there are more.
func (s *Store) EventTypes(ctx context.Context, f EventTypeFilter, p Page[string]) ([]EventType, bool, error) {
	q := newQuery(`SELECT `+eventTypeColumns+` FROM event_types WHERE (NOT archived OR $1)`, f.Archived)
	if !f.Flagged {
		q.and("(feature_flags IS NULL OR feature_flags && %s::text[])", f.Flags)
	}
	turn(q, "name", p)
	rows, err := s.db.Query(ctx, q.sql.String(), q.args...)
	types, err := collect(rows, err, scanEventType)
	if err != nil {
		return nil, false, fmt.Errorf("list event types: %w", err)
	}
	types, more := cut(types, p)
	return types, more, nil
}

// ChangeEventType lets change edit an event type, stores it and returns it. The
// name stays. An error of change is returned and leaves the event type as it
// was. Else it returns ErrNotFound.
func (s *Store) ChangeEventType(ctx context.Context, name string, change func(*EventType) error) (*EventType, error) {
	var t EventType
	err := s.transact(ctx, func(tx pgx.Tx) error {
		row := tx.QueryRow(ctx, `SELECT `+eventTypeColumns+` FROM event_types WHERE name = $1 FOR UPDATE`, name)
		if err := scanEventType(row, &t); err != nil {
			return err
		}
		if err := change(&t); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `
			UPDATE event_types SET description = $2, archived = $3, deprecated = $4, schemas = $5, feature_flags = $6, group_name = $7, updated_at = now()
			WHERE name = $1 RETURNING updated_at`, t.columns()...).Scan(&t.UpdatedAt)
	})
	if err != nil {
		return nil, fmt.Errorf("change event type: %w", interpret(err))
	}
	return &t, nil
}

// ArchiveEventType keeps endpoints from asking for an event type; those that do
// go on. It returns ErrNotFound.
func (s *Store) ArchiveEventType(ctx context.Context, name string) error {
	return s.oneEventType(ctx, "archive", `UPDATE event_types SET archived = true, updated_at = now() WHERE name = $1`, name)
}

// DeleteEventType forgets an event type. It returns ErrNotFound.
func (s *Store) DeleteEventType(ctx context.Context, name string) error {
	return s.oneEventType(ctx, "delete", `DELETE FROM event_types WHERE name = $1`, name)
}

func (s *Store) oneEventType(ctx context.Context, verb, sql, name string) error {
	tag, err := s.db.Exec(ctx, sql, name)
	if err == nil && tag.RowsAffected() == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("%s event type: %w", verb, err)
	}
	return nil
}

// MissingEventTypes returns those of the names that are not names of event types,
// or of archived ones.
func (s *Store) MissingEventTypes(ctx context.Context, names []string) ([]string, error) {
	rows, err := s.db.Query(ctx, `
		SELECT n FROM unnest($1::text[]) AS n
		WHERE NOT EXISTS (SELECT FROM event_types t WHERE t.name = n AND NOT t.archived)`, names)
	if err != nil {
		return nil, fmt.Errorf("find event types: %w", err)
	}
	missing, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("find event types: %w", err)
	}
	return missing, nil
}

// ImportEventTypes stores event types, new ones and others instead of those of
// their names, which keep their flags and group. No name may come twice. With
// archiveOthers all others are archived.
func (s *Store) ImportEventTypes(ctx context.Context, types []EventType, archiveOthers bool) error {
	names, descriptions := make([]string, len(types)), make([]string, len(types))
	deprecated, schemas := make([]bool, len(types)), make([]*string, len(types))
	for i, t := range types {
		names[i], descriptions[i], deprecated[i], schemas[i] = t.Name, t.Description, t.Deprecated, blank(string(t.Schemas))
	}
	err := s.transact(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO event_types (name, description, deprecated, schemas)
			SELECT name, description, deprecated, schemas::jsonb
			FROM unnest($1::text[], $2::text[], $3::boolean[], $4::text[]) AS t (name, description, deprecated, schemas) ORDER BY name
			ON CONFLICT (name) DO UPDATE SET description = excluded.description, archived = false,
				deprecated = excluded.deprecated, schemas = excluded.schemas, updated_at = now()`,
			names, descriptions, deprecated, schemas)
		if err != nil || !archiveOthers {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE event_types SET archived = true, updated_at = now() WHERE NOT archived AND name <> ALL ($1)`, names)
		return err
	})
	if err != nil {
		return fmt.Errorf("import event types: %w", err)
	}
	return nil
}
