package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/secret"
)

// rekeyBatch is how many secrets are read at once. Each is written by itself, so
// nobody waits for more than one.
const rekeyBatch = 500

// Rekeyed tells what Rekey did with one column.
type Rekeyed struct {
	Column string
	Sealed int // with the first key, which they were not before
	Missed int // changed by somebody else at that moment, or not to be opened
}

// Rekey seals with the first key every secret that is sealed with another one, or is
// plain, once. It changes nothing else, and overwrites nothing that somebody changes
// meanwhile: that may be left sealed with another key, and so may what processes write
// that have another first key, so it is to be called again until it seals nothing. It
// can be interrupted anywhere and called again. tell is told of each column, with what
// could not be opened, if anything.
func (s *Store) Rekey(ctx context.Context, tell func(Rekeyed, error)) error {
	if s.ring.First() == "" {
		return fmt.Errorf("seal secrets: %w", ErrNoKey)
	}
	if err := s.markPlain(ctx); err != nil {
		return err
	}
	for _, c := range sealedColumns() {
		done := Rekeyed{Column: c.table + "." + c.column}
		var unread error
		for last := (event.ID{}); ; {
			batch, err := s.unsealed(ctx, c, last)
			if err != nil {
				return err
			}
			if len(batch) == 0 {
				break
			}
			for _, row := range batch {
				last = row.id
				switch changed, opened, err := s.reseal(ctx, c, row); {
				case err != nil:
					return fmt.Errorf("seal %s: %w", done.Column, err)
				case opened != nil:
					done.Missed++
					unread = opened
				case changed:
					done.Sealed++
				default:
					done.Missed++
				}
			}
		}
		tell(done, unread)
	}
	return nil
}

// plainEndpoints are those with a secret in a column of the time before there were
// keys.
const plainEndpoints = ` FROM endpoints WHERE (headers <> '{}' OR url ~ '^[a-z]+://[^/?#]*@')`

// markPlain moves what is plain in those columns into the ones for secrets, in the
// form of a Ring without keys, one endpoint after the other.
func (s *Store) markPlain(ctx context.Context) error {
	for last := (event.ID{}); ; {
		rows, err := s.db.Query(ctx, `SELECT id`+plainEndpoints+` AND id > $1 ORDER BY id LIMIT $2`, last, rekeyBatch)
		if err != nil {
			return fmt.Errorf("find plain secrets: %w", err)
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[event.ID])
		if err != nil {
			return fmt.Errorf("find plain secrets: %w", err)
		}
		if len(ids) == 0 {
			return nil
		}
		for _, id := range ids {
			_, err := s.db.Exec(ctx, `
				UPDATE endpoints SET headers = '{}', sealed_headers = CASE WHEN headers = '{}' THEN sealed_headers ELSE 'plain:' || headers::text END,
					userinfo = coalesce('plain:' || substring(url from '^[a-z]+://([^/?#]*)@'), userinfo), url = `+bareURL+`
				WHERE id = $1`, id)
			if err != nil {
				return fmt.Errorf("move plain secrets: %w", err)
			}
		}
		last = ids[len(ids)-1]
	}
}

// secretRow is one secret as it is stored.
type secretRow struct {
	id, tenant, endpoint event.ID
	stored               string
}

// unsealed reads secrets after the row last that are not sealed with the first key.
func (s *Store) unsealed(ctx context.Context, c sealedColumn, last event.ID) ([]secretRow, error) {
	rows, err := s.db.Query(ctx, fmt.Sprintf(`
		SELECT %[1]s, tenant_id, %[2]s, %[3]s FROM %[4]s
		WHERE %[1]s > $1 AND %[3]s IS NOT NULL AND %[5]s <> $2 ORDER BY %[1]s LIMIT %[6]d`,
		c.id, c.endpoint, c.column, c.table, c.keyID(), rekeyBatch), last, s.ring.First())
	batch, err := collect(rows, err, func(row pgx.Row, r *secretRow) error {
		return row.Scan(&r.id, &r.tenant, &r.endpoint, &r.stored)
	})
	if err != nil {
		return nil, fmt.Errorf("read %s.%s: %w", c.table, c.column, err)
	}
	return batch, nil
}

// keyID is the key that a value is sealed with, in SQL: empty where it is plain.
func (c sealedColumn) keyID() string {
	return fmt.Sprintf(`CASE WHEN starts_with(%[1]s, 'sealed:1:') THEN split_part(%[1]s, ':', 3) ELSE '' END`, c.column)
}

// reseal seals one secret with the first key, unless it has changed since it was read.
// opened is why it cannot be opened.
func (s *Store) reseal(ctx context.Context, c sealedColumn, row secretRow) (changed bool, opened, err error) {
	o := opener{s.ring, row.tenant, row.endpoint}
	var text secret.String
	if c.field == fieldKey {
		text, opened = o.openKey(row.stored)
	} else {
		text, opened = o.open(c.field, &row.stored)
	}
	if opened != nil {
		return false, opened, nil
	}
	err = s.transact(ctx, func(tx pgx.Tx) error {
		z, err := s.sealer(ctx, tx, row.tenant, row.endpoint)
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, fmt.Sprintf(`UPDATE %s SET %s = $3 WHERE %s = $1 AND %[2]s = $2`, c.table, c.column, c.id),
			row.id, row.stored, z.seal(c.field, text))
		changed = tag.RowsAffected() > 0
		return err
	})
	return changed, nil, err
}

// SecretsByKey counts the secrets by the id of the key that they are sealed with; those
// under the empty id are plain.
func (s *Store) SecretsByKey(ctx context.Context) (map[string]int, error) {
	counts := make(map[string]int)
	count := func(sql string) error {
		rows, err := s.db.Query(ctx, sql)
		if err != nil {
			return err
		}
		var id string
		var n int
		_, err = pgx.ForEachRow(rows, []any{&id, &n}, func() error { counts[id] += n; return nil })
		return err
	}
	for _, c := range sealedColumns() {
		if err := count(fmt.Sprintf(`SELECT %s, count(*) FROM %s WHERE %s IS NOT NULL GROUP BY 1`, c.keyID(), c.table, c.column)); err != nil {
			return nil, fmt.Errorf("count secrets: %w", err)
		}
	}
	err := count(`SELECT '', count(*)` + plainEndpoints + ` HAVING count(*) > 0`)
	if err != nil {
		return nil, fmt.Errorf("count secrets: %w", err)
	}
	return counts, nil
}

// RetireKeys forgets the keys that nothing is sealed with, but for the first one, and
// returns their ids: processes begin without them from then on. A process that still
// seals with one of them makes it known again.
func (s *Store) RetireKeys(ctx context.Context) (retired []string, err error) {
	rows, err := s.db.Query(ctx, `SELECT id FROM secret_keys WHERE id <> $1 ORDER BY id`, s.ring.First())
	if err != nil {
		return nil, fmt.Errorf("list secret keys: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list secret keys: %w", err)
	}
	for _, id := range ids {
		err := s.Within(ctx, func(s *Store) error {
			// Who is about to seal with it has locked the row: then it is waited for, and what
			// it wrote is counted.
			if _, err := s.db.Exec(ctx, `SELECT FROM secret_keys WHERE id = $1 FOR UPDATE`, id); err != nil {
				return err
			}
			counts, err := s.SecretsByKey(ctx)
			if err != nil || counts[id] > 0 {
				return err
			}
			_, err = s.db.Exec(ctx, `DELETE FROM secret_keys WHERE id = $1`, id)
			if err == nil {
				retired = append(retired, id)
			}
			return err
		})
		if err != nil {
			return retired, fmt.Errorf("retire secret key %q: %w", id, err)
		}
	}
	return retired, nil
}
