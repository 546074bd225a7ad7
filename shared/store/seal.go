package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/secret"
)

// The secrets of an endpoint, by the names that are sealed in with them. One more
// is a line here and in sealedColumns, a seal where it is written and an open where
// it is read.
const (
	fieldKey      = "key"
	fieldUserinfo = "userinfo"
	fieldHeaders  = "headers"

	fieldPrivateKey   = "private_key"
	fieldClientSecret = "client_secret"
)

// sealedColumns are the columns that hold secrets, in the form of [secret.Ring].
func sealedColumns() []sealedColumn {
	return []sealedColumn{
		{"endpoint_secrets", "id", "endpoint_id", "secret", fieldKey},
		{"endpoints", "id", "id", "userinfo", fieldUserinfo},
		{"endpoints", "id", "id", "sealed_headers", fieldHeaders},
		{"endpoint_credentials", "endpoint_id", "endpoint_id", "private_key", fieldPrivateKey},
		{"endpoint_credentials", "endpoint_id", "endpoint_id", "client_secret", fieldClientSecret},
	}
}

type sealedColumn struct{ table, id, endpoint, column, field string }

// A KeyError says that secrets in the database cannot be opened with the keys that
// this process was given, and names the key.
type KeyError struct {
	ID    string
	Other bool // there is one of that id, and it is another key
}

// Error implements error.
func (e *KeyError) Error() string {
	if e.Other {
		return fmt.Sprintf("secrets in the database are sealed with another key than the secret key %q of this process", e.ID)
	}
	return fmt.Sprintf("secrets in the database are sealed with the secret key %q, which this process does not have", e.ID)
}

// UseKeys sets the keys of the secrets of endpoints, before anything else is done
// with the store: the first one seals what is written from now on, and a nil ring
// leaves it plain. A store that nobody gave any, not even nil, neither writes nor
// reads secrets, and its Health and Verify do not ask for their keys.
func (s *Store) UseKeys(ring *secret.Ring) { s.ring, s.keyed = ring, true }

// verifyKeys returns a *KeyError when something is sealed with a key that the store
// does not have.
func (s *Store) verifyKeys(ctx context.Context) error {
	if !s.keyed {
		return nil
	}
	rows, err := s.db.Query(ctx, `SELECT id, proof FROM secret_keys ORDER BY id`)
	if err != nil {
		return fmt.Errorf("read secret keys: %w", err)
	}
	var id, proof string
	_, err = pgx.ForEachRow(rows, []any{&id, &proof}, func() error {
		if !s.ring.Has(id) {
			return &KeyError{ID: id}
		}
		if _, err := s.ring.Open(proof, proofOf(id)); err != nil {
			return &KeyError{ID: id, Other: true}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("verify secret keys: %w", err)
	}
	return nil
}

func proofOf(id string) secret.Place { return secret.Place{Field: "secret_keys " + id} }

// sealer seals secrets of one endpoint within one transaction.
type sealer struct {
	ring             *secret.Ring
	tenant, endpoint event.ID
}

// sealer returns one for the transaction. It is the only way to seal: nobody takes
// the key for unused before the transaction has ended.
func (s *Store) sealer(ctx context.Context, tx pgx.Tx, tenant, endpoint event.ID) (sealer, error) {
	z := sealer{s.ring, tenant, endpoint}
	for z.seals() {
		held, err := holdKey(ctx, tx, s.ring)
		if err != nil {
			return z, fmt.Errorf("hold secret key: %w", err)
		}
		if held {
			break
		}
	}
	return z, nil
}

// holdKey makes the row of the first key stay until the transaction ends. It returns
// false when somebody else made or removed it meanwhile, to be asked again.
func holdKey(ctx context.Context, tx pgx.Tx, ring *secret.Ring) (held bool, err error) {
	id := ring.First()
	found, err := tx.Exec(ctx, `SELECT FROM secret_keys WHERE id = $1 FOR KEY SHARE`, id)
	if err != nil || found.RowsAffected() > 0 {
		return true, err
	}
	made, err := tx.Exec(ctx, `INSERT INTO secret_keys (id, proof) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
		id, ring.Seal(secret.New(id), proofOf(id)))
	return made.RowsAffected() > 0, err
}

// seals reports whether there is a key to seal with.
func (z sealer) seals() bool { return z.ring.First() != "" }

// seal returns what to store of a secret: NULL of an empty one.
func (z sealer) seal(field string, text secret.String) *string {
	if text.IsZero() {
		return nil
	}
	return new(z.ring.Seal(text, secret.Place{Tenant: z.tenant, Endpoint: z.endpoint, Field: field}))
}

// opener opens secrets of one endpoint.
type opener struct {
	ring             *secret.Ring
	tenant, endpoint event.ID
}

// open returns what seal has sealed, and nothing of NULL. Its errors name the
// endpoint and the field.
func (o opener) open(field string, stored *string) (secret.String, error) {
	if stored == nil {
		return secret.String{}, nil
	}
	text, err := o.ring.Open(*stored, secret.Place{Tenant: o.tenant, Endpoint: o.endpoint, Field: field})
	if err != nil {
		return text, fmt.Errorf("open %s of endpoint %s: %w", field, event.Endpoint.Format(o.endpoint), err)
	}
	return text, nil
}

// openKey opens a signing key, which was stored as it is while there were no keys to
// seal it with.
func (o opener) openKey(stored string) (secret.String, error) {
	text, err := o.open(fieldKey, &stored)
	if errors.Is(err, secret.ErrForm) {
		return secret.New(stored), nil
	}
	return text, err
}

// sealKey is the counterpart of openKey.
func (z sealer) sealKey(key secret.String) string {
	if !z.seals() {
		return key.Reveal()
	}
	return *z.seal(fieldKey, key)
}

// cutUserinfo divides a URL, in the form that package egress keeps them in, into
// what may be seen and what its userinfo is.
func cutUserinfo(url string) (bare string, userinfo secret.String) {
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		return url, secret.String{}
	}
	authority := len(rest)
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority = end
	}
	at := strings.LastIndexByte(rest[:authority], '@')
	if at < 0 {
		return url, secret.String{}
	}
	return scheme + "://" + rest[at+1:], secret.New(rest[:at])
}

// withUserinfo is the counterpart of cutUserinfo.
func withUserinfo(bare string, userinfo secret.String) secret.String {
	if userinfo.IsZero() {
		return secret.New(bare)
	}
	scheme, rest, _ := strings.Cut(bare, "://")
	return secret.New(scheme + "://" + userinfo.Reveal() + "@" + rest)
}
