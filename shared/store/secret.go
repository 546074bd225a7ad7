package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/signature"
)

// maxOldSecrets is how many keys may still sign beside the current one: each
// makes every delivery larger and slower.
const maxOldSecrets = 10

// ErrTooManySecrets says that too many old keys of an endpoint still sign.
var ErrTooManySecrets = errors.New("too many keys are still in use")

// CurrentKey reads the current signing key of an endpoint of the tenant. It returns
// ErrNotFound.
func (s *Store) CurrentKey(ctx context.Context, tenant, endpoint event.ID) (signature.Key, error) {
	var stored string
	err := s.db.QueryRow(ctx,
		`SELECT secret FROM endpoint_secrets WHERE tenant_id = $1 AND endpoint_id = $2 AND expires_at IS NULL`, tenant, endpoint).Scan(&stored)
	if err != nil {
		return signature.Key{}, fmt.Errorf("read signing key: %w", interpret(err))
	}
	return opener{s.ring, tenant, endpoint}.signingKey(stored)
}

// RotateKey gives an endpoint a new signing key. The one that it had goes on
// signing beside it until grace is over. It returns ErrNotFound, or
// ErrTooManySecrets.
func (s *Store) RotateKey(ctx context.Context, tenant, endpoint event.ID, key signature.Key, grace time.Duration) error {
	err := s.transact(ctx, func(tx pgx.Tx) error {
		// The lock lets one rotation at a time count the keys.
		_, err := tx.Exec(ctx, `SELECT FROM endpoints WHERE id = $1 FOR UPDATE`, endpoint)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM endpoint_secrets WHERE endpoint_id = $1 AND expires_at <= now()`, endpoint); err != nil {
			return err
		}
		var old int
		err = tx.QueryRow(ctx,
			`SELECT count(*) FROM endpoint_secrets WHERE endpoint_id = $1 AND expires_at IS NOT NULL`, endpoint).Scan(&old)
		if err != nil {
			return err
		}
		if old >= maxOldSecrets {
			return ErrTooManySecrets
		}
		_, err = tx.Exec(ctx, `
			UPDATE endpoint_secrets SET expires_at = now() + $2::interval
			WHERE endpoint_id = $1 AND expires_at IS NULL`, endpoint, grace)
		if err != nil {
			return err
		}
		z, err := s.sealer(ctx, tx, tenant, endpoint)
		if err != nil {
			return err
		}
		return insertSecret(ctx, tx, z, key)
	})
	if err != nil {
		return fmt.Errorf("rotate signing key: %w", interpret(err))
	}
	return nil
}

// ReplaceKey gives an endpoint another signing key, from now on and without
// overlap. Keys that were rotated away go on as they did.
func (s *Store) ReplaceKey(ctx context.Context, tenant, endpoint event.ID, key signature.Key) error {
	err := s.transact(ctx, func(tx pgx.Tx) error {
		z, err := s.sealer(ctx, tx, tenant, endpoint)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			UPDATE endpoint_secrets SET secret = $3 WHERE tenant_id = $1 AND endpoint_id = $2 AND expires_at IS NULL`,
			tenant, endpoint, z.sealKey(secret.New(key.Reveal())))
		return err
	})
	if err != nil {
		return fmt.Errorf("replace signing key: %w", err)
	}
	return nil
}

func insertSecret(ctx context.Context, tx pgx.Tx, z sealer, key signature.Key) error {
	_, err := tx.Exec(ctx, `INSERT INTO endpoint_secrets (id, tenant_id, endpoint_id, secret) VALUES ($1, $2, $3, $4)`,
		event.NewID(), z.tenant, z.endpoint, z.sealKey(secret.New(key.Reveal())))
	return err
}
