package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/secret"
)

// Credentials are what an endpoint is called with beside its signing keys, and
// whom to trust there.
type Credentials struct {
	Identity *Identity // nil: no client certificate
	ServerCA string    // PEM: whose word the receiver's certificate needs; empty: the system's
	OAuth    *OAuth    // nil: no access token
}

// Identity is a client certificate.
type Identity struct {
	Certificates string        // PEM, its own first
	Key          secret.String // PEM
}

// How a client may show its secret to a token endpoint.
const (
	OAuthBasic = "clientSecretBasic" // in the Authorization header
	OAuthPost  = "clientSecretPost"  // in the body
)

// OAuth is how to get access tokens by the client credentials grant (RFC 6749
// §4.4).
type OAuth struct {
	TokenURL     string            `json:"tokenUrl"`
	ClientID     string            `json:"clientId"`
	ClientSecret secret.String     `json:"-"`
	AuthMethod   string            `json:"authMethod"` // OAuthBasic or OAuthPost
	Scopes       []string          `json:"scopes,omitempty"`
	Params       map[string]string `json:"params,omitempty"` // more parameters of the request, such as audience
}

// Equal reports whether both say the same.
func (c *Credentials) Equal(other *Credentials) bool {
	if c == nil || other == nil {
		return c == other
	}
	return c.ServerCA == other.ServerCA && equal(c.Identity, other.Identity, (*Identity).equal) &&
		equal(c.OAuth, other.OAuth, (*OAuth).equal)
}

func equal[T any](a, b *T, same func(a, b *T) bool) bool {
	if a == nil || b == nil {
		return a == b
	}
	return same(a, b)
}

func (i *Identity) equal(other *Identity) bool {
	return i.Certificates == other.Certificates && i.Key.Equal(other.Key)
}

func (o *OAuth) equal(other *OAuth) bool {
	return o.TokenURL == other.TokenURL && o.ClientID == other.ClientID && o.ClientSecret.Equal(other.ClientSecret) &&
		o.AuthMethod == other.AuthMethod && slices.Equal(o.Scopes, other.Scopes) && maps.Equal(o.Params, other.Params)
}

func (c *Credentials) isEmpty() bool { return c.Identity == nil && c.ServerCA == "" && c.OAuth == nil }

// credentialColumns are read with c as the name of the table, which may have been
// joined and have no row.
const credentialColumns = `c.certificates, c.private_key, c.server_ca, c.oauth, c.client_secret`

// storedCredentials is a row of endpoint_credentials, or none. Secrets are sealed.
type storedCredentials struct {
	certificates, key, ca *string
	oauth                 *OAuth
	secret                *string
}

func (r *storedCredentials) columns() []any {
	return []any{&r.certificates, &r.key, &r.ca, &r.oauth, &r.secret}
}

// size is about how many bytes of memory it takes.
func (r *storedCredentials) size() int {
	size := len(textOf(r.certificates)) + len(textOf(r.key)) + len(textOf(r.ca)) + len(textOf(r.secret))
	if o := r.oauth; o != nil {
		size += len(o.TokenURL) + len(o.ClientID)
		for _, scope := range o.Scopes {
			size += len(scope)
		}
		for name, value := range o.Params {
			size += len(name) + len(value)
		}
	}
	return size
}

// open returns what is in the row, nil when that is nothing.
func (r *storedCredentials) open(o opener) (*Credentials, error) {
	c := Credentials{ServerCA: textOf(r.ca)}
	if r.certificates != nil {
		key, err := o.open(fieldPrivateKey, r.key)
		if err != nil {
			return nil, err
		}
		c.Identity = &Identity{Certificates: *r.certificates, Key: key}
	}
	if r.oauth != nil {
		hidden, err := o.open(fieldClientSecret, r.secret)
		if err != nil {
			return nil, err
		}
		oauth := *r.oauth
		oauth.ClientSecret = hidden
		c.OAuth = &oauth
	}
	if c.isEmpty() {
		return nil, nil //nolint:nilnil // as most endpoints
	}
	return &c, nil
}

// store is the counterpart of open.
func (c *Credentials) store(z sealer) storedCredentials {
	r := storedCredentials{ca: blank(c.ServerCA), oauth: c.OAuth}
	if c.Identity != nil {
		r.certificates, r.key = &c.Identity.Certificates, z.seal(fieldPrivateKey, c.Identity.Key)
	}
	if c.OAuth != nil {
		r.secret = z.seal(fieldClientSecret, c.OAuth.ClientSecret)
	}
	return r
}

func textOf(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// Credentials reads those of an endpoint. Of one that has none they are empty.
func (s *Store) Credentials(ctx context.Context, e *Endpoint) (*Credentials, error) {
	c, err := s.credentialsOf(ctx, s.db, e)
	if err != nil {
		return nil, fmt.Errorf("read credentials: %w", err)
	}
	return c, nil
}

func (s *Store) credentialsOf(ctx context.Context, db querier, e *Endpoint) (*Credentials, error) {
	var row storedCredentials
	err := db.QueryRow(ctx, `SELECT `+credentialColumns+` FROM endpoint_credentials c WHERE c.endpoint_id = $1`, e.ID).Scan(row.columns()...)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return nil, err
	}
	c, err := row.open(opener{s.ring, e.Tenant, e.ID})
	if err != nil {
		return nil, err
	}
	if c == nil {
		c = &Credentials{}
	}
	return c, nil
}

// ChangeCredentials lets change edit the credentials of an endpoint, which it must
// not change itself, and stores them. Nobody else changes the endpoint meanwhile.
// Its breaker is closed: they may have been why it failed. An error of change is returned and leaves them as they were. Else it returns
// ErrNotFound.
func (s *Store) ChangeCredentials(ctx context.Context, tenant event.ID, ref Ref, change func(*Endpoint, *Credentials) error) error {
	err := s.transact(ctx, func(tx pgx.Tx) error {
		var e Endpoint
		id, uid := ref.args()
		if err := s.scanEndpoint(tx.QueryRow(ctx, selectEndpoint+thatEndpoint+` FOR UPDATE`, tenant, id, uid), &e); err != nil {
			return err
		}
		c, err := s.credentialsOf(ctx, tx, &e)
		if err != nil {
			return err
		}
		if err := change(&e, c); err != nil {
			return err
		}
		if err := s.storeCredentials(ctx, tx, &e, c); err != nil {
			return err
		}
		closed, err := forgetBreaker(ctx, tx, e.ID)
		if err != nil {
			return err
		}
		return s.on(tx).tellOfEndpoint(ctx, e.Tenant, e.ID, e.UID, append(closed, endpointNews{kind: EndpointUpdated})...)
	})
	if err != nil {
		return fmt.Errorf("change credentials: %w", interpret(err))
	}
	return nil
}

func (s *Store) storeCredentials(ctx context.Context, tx pgx.Tx, e *Endpoint, c *Credentials) error {
	if c.isEmpty() {
		_, err := tx.Exec(ctx, `DELETE FROM endpoint_credentials WHERE endpoint_id = $1`, e.ID)
		return err
	}
	z, err := s.sealer(ctx, tx, e.Tenant, e.ID)
	if err != nil {
		return err
	}
	row := c.store(z)
	_, err = tx.Exec(ctx, `
		INSERT INTO endpoint_credentials (endpoint_id, tenant_id, certificates, private_key, server_ca, oauth, client_secret)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (endpoint_id) DO UPDATE SET certificates = excluded.certificates, private_key = excluded.private_key,
			server_ca = excluded.server_ca, oauth = excluded.oauth, client_secret = excluded.client_secret`,
		e.ID, e.Tenant, row.certificates, row.key, row.ca, row.oauth, row.secret)
	return err
}
