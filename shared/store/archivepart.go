package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// ArchivePart is a stretch of one table of a retired day that is in the archive,
// as one object.
type ArchivePart struct {
	Kind   Retired
	Part   int // from 0
	Rows   int64
	Bytes  int64 // of the object
	SHA256 []byte
	First  Key // of its rows
	Last   Key
}

// AddArchivePart notes that a part is in the archive. One that is noted stays as
// it is.
func (s *Store) AddArchivePart(ctx context.Context, date time.Time, p *ArchivePart) error {
	_, err := s.db.Exec(ctx, `
		INSERT INTO archive_parts (day, kind, part, rows, bytes, sha256, first, last) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT DO NOTHING`, date, p.Kind, p.Part, p.Rows, p.Bytes, p.SHA256, p.First, p.Last)
	if err != nil {
		return fmt.Errorf("note part of the archive: %w", err)
	}
	return nil
}

// ArchiveParts lists the parts of a retired day that are in the archive: by kind,
// and in order.
func (s *Store) ArchiveParts(ctx context.Context, date time.Time) ([]ArchivePart, error) {
	rows, err := s.db.Query(ctx, `
		SELECT kind, part, rows, bytes, sha256, first, last FROM archive_parts WHERE day = $1 ORDER BY kind, part`, date)
	if err != nil {
		return nil, fmt.Errorf("list parts of the archive: %w", err)
	}
	parts, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ArchivePart])
	if err != nil {
		return nil, fmt.Errorf("list parts of the archive: %w", err)
	}
	return parts, nil
}

// ForgetArchiveParts has a retired day archived anew, from its beginning.
func (s *Store) ForgetArchiveParts(ctx context.Context, date time.Time) error {
	if _, err := s.db.Exec(ctx, `DELETE FROM archive_parts WHERE day = $1`, date); err != nil {
		return fmt.Errorf("forget parts of the archive: %w", err)
	}
	return nil
}
