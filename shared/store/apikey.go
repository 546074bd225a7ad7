package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// APIKey is what a program of an operator authenticates with, but for the secret
// itself.
type APIKey struct {
	ID        event.ID
	Name      string
	Scopes    []string
	ExpiresAt time.Time // zero: never
	UsedAt    time.Time // to a minute; zero: never
	UpdatedAt time.Time
}

const apiKeyColumns = `id, name, scopes, expires_at, used_at, updated_at` //nolint:gosec // there are none in it

func scanAPIKey(row pgx.Row, k *APIKey) error {
	var expires, used *time.Time
	if err := row.Scan(&k.ID, &k.Name, &k.Scopes, &expires, &used, &k.UpdatedAt); err != nil {
		return err
	}
	if expires != nil {
		k.ExpiresAt = *expires
	}
	if used != nil {
		k.UsedAt = *used
	}
	return nil
}

// whenever makes no time NULL.
func whenever(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// CreateAPIKey stores a new key with the digest of its secret, and sets when it
// was updated.
func (s *Store) CreateAPIKey(ctx context.Context, k *APIKey, digest []byte) error {
	err := s.db.QueryRow(ctx, `
		INSERT INTO api_keys (id, name, scopes, digest, expires_at) VALUES ($1, $2, $3, $4, $5) RETURNING updated_at`,
		k.ID, k.Name, k.Scopes, digest, whenever(k.ExpiresAt)).Scan(&k.UpdatedAt)
	if err != nil {
		return fmt.Errorf("create API key: %w", interpret(err))
	}
	return nil
}

// UseAPIKey finds the key of a secret and notes that it is used, once a minute.
// It returns ErrNotFound. Whether the key has expired is for the caller to see.
func (s *Store) UseAPIKey(ctx context.Context, id event.ID, digest []byte) (*APIKey, error) {
	var k APIKey
	row := s.db.QueryRow(ctx, `
		WITH used AS (
			UPDATE api_keys SET used_at = now()
			WHERE id = $1 AND digest = $2 AND (used_at IS NULL OR used_at < now() - interval '1 minute')
				AND (expires_at IS NULL OR expires_at > now())
		)
		SELECT `+apiKeyColumns+` FROM api_keys WHERE id = $1 AND digest = $2`, id, digest)
	if err := scanAPIKey(row, &k); err != nil {
		return nil, fmt.Errorf("find API key: %w", interpret(err))
	}
	return &k, nil
}

// APIKey reads a key. It returns ErrNotFound.
func (s *Store) APIKey(ctx context.Context, id event.ID) (*APIKey, error) {
	var k APIKey
	row := s.db.QueryRow(ctx, `SELECT `+apiKeyColumns+` FROM api_keys WHERE id = $1`, id)
	if err := scanAPIKey(row, &k); err != nil {
		return nil, fmt.Errorf("read API key: %w", interpret(err))
	}
	return &k, nil
}

// APIKeys lists keys by id, and tells whether there are more.
func (s *Store) APIKeys(ctx context.Context, p Page[event.ID]) ([]APIKey, bool, error) {
	q := newQuery(`SELECT ` + apiKeyColumns + ` FROM api_keys WHERE true`)
	turn(q, "id", p)
	rows, err := s.db.Query(ctx, q.sql.String(), q.args...)
	keys, err := collect(rows, err, scanAPIKey)
	if err != nil {
		return nil, false, fmt.Errorf("list API keys: %w", err)
	}
	keys, more := cut(keys, p)
	return keys, more, nil
}

// ChangeAPIKey lets change edit a key, stores it and returns it. An error of
// change is returned and leaves the key as it was. Else it returns ErrNotFound.
func (s *Store) ChangeAPIKey(ctx context.Context, id event.ID, change func(*APIKey) error) (*APIKey, error) {
	var k APIKey
	err := s.transact(ctx, func(tx pgx.Tx) error {
		row := tx.QueryRow(ctx, `SELECT `+apiKeyColumns+` FROM api_keys WHERE id = $1 FOR UPDATE`, id)
		if err := scanAPIKey(row, &k); err != nil {
			return err
		}
		if err := change(&k); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `
			UPDATE api_keys SET name = $2, scopes = $3, expires_at = $4, updated_at = now() WHERE id = $1 RETURNING updated_at`,
			k.ID, k.Name, k.Scopes, whenever(k.ExpiresAt)).Scan(&k.UpdatedAt)
	})
	if err != nil {
		return nil, fmt.Errorf("change API key: %w", interpret(err))
	}
	return &k, nil
}

// DeleteAPIKey ends a key. It returns ErrNotFound.
func (s *Store) DeleteAPIKey(ctx context.Context, id event.ID) error {
	tag, err := s.db.Exec(ctx, `DELETE FROM api_keys WHERE id = $1`, id)
	if err == nil && tag.RowsAffected() == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("delete API key: %w", err)
	}
	return nil
}
