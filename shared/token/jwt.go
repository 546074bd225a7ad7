package token

import (
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/secret"
)

const (
	// Organization is the subject of operators' tokens: that of Svix's own
	// server, so that tokens made for it go on working.
	Organization = "org_23rb8YdGqMT0qIzpgGwdXfHirMu"

	// MinSecret is how many bytes a secret has at least. Whoever holds one token
	// can try secrets without asking us.
	MinSecret = 16

	// MaxLife is how long a member's token lives at most. What was revoked must
	// be remembered for as long.
	MaxLife = 7 * 24 * time.Hour

	issuer = "postrider"
	leeway = time.Minute // for the clocks of several machines
)

// ErrInvalid says that a token is not to be believed, for whatever reason.
var ErrInvalid = errors.New("invalid token")

// Member is the claims of a token of somebody who belongs to an application.
type Member struct {
	ID           event.ID // of the token; tells when it was made
	Tenant       event.ID
	Session      string // what the token was made for; empty: nothing in particular
	Capabilities []string
	ReadOnly     bool // whatever the capabilities
	FeatureFlags []string
	Expires      time.Time
}

// Subject is whose token it is: an operator's, or else a member's.
type Subject struct {
	Operator bool
	Member   *Member   // nil: an operator
	Expires  time.Time // zero: never
}

// Secret signs tokens and checks them. The zero Secret believes none.
type Secret struct{ key secret.String }

// NewSecret makes a secret of the text that is the setting. An empty text is the
// zero Secret.
func NewSecret(text string) Secret { return Secret{key: secret.New(text)} }

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.key.IsZero() }

// claims are what is written in a token. The names of those that are not of
// RFC 7519 are Svix's where they have one.
type claims struct {
	jwt.RegisteredClaims

	Organization string   `json:"org,omitempty"`
	Session      string   `json:"session_id,omitempty"`
	Capabilities []string `json:"capabilities,omitempty"`
	ReadOnly     bool     `json:"read_only,omitempty"`
	FeatureFlags []string `json:"feature_flags,omitempty"`
}

// SignOperator makes a token of an operator that may do everything.
func (s Secret) SignOperator(expires time.Time) (string, error) {
	now := jwt.NewNumericDate(time.Now())
	return s.sign(claims{RegisteredClaims: jwt.RegisteredClaims{
		Issuer: issuer, Subject: Organization, IssuedAt: now, NotBefore: now, ExpiresAt: jwt.NewNumericDate(expires),
	}})
}

// SignMember makes a token of m.
func (s Secret) SignMember(m *Member) (string, error) {
	made := jwt.NewNumericDate(m.ID.Time())
	return s.sign(claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Subject: event.Tenant.Format(m.Tenant), ID: event.Token.Format(m.ID),
			IssuedAt: made, NotBefore: made, ExpiresAt: jwt.NewNumericDate(m.Expires),
		},
		Organization: Organization, Session: m.Session,
		Capabilities: m.Capabilities, ReadOnly: m.ReadOnly, FeatureFlags: m.FeatureFlags,
	})
}

func (s Secret) sign(c claims) (string, error) {
	if s.IsZero() {
		return "", errors.New("sign token: there is no secret")
	}
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString([]byte(s.key.Reveal()))
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return text, nil
}

// Check returns whose token a text is. It returns ErrInvalid when it was not
// signed with the secret, by HMAC and nothing else, when it is not valid now, and
// when it is not a token of ours or Svix's.
func (s Secret) Check(text string) (Subject, error) {
	if s.IsZero() {
		return Subject{}, ErrInvalid // HMAC works with an empty key, too
	}
	var c claims
	_, err := jwt.ParseWithClaims(text, &c, func(*jwt.Token) (any, error) { return []byte(s.key.Reveal()), nil },
		jwt.WithValidMethods([]string{"HS256", "HS384", "HS512"}), jwt.WithStrictDecoding(), jwt.WithIssuedAt(), jwt.WithLeeway(leeway))
	if err != nil {
		return Subject{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	subject := Subject{Operator: c.Subject == Organization}
	if c.ExpiresAt != nil {
		subject.Expires = c.ExpiresAt.Time
	}
	if !subject.Operator {
		if subject.Member, err = c.member(); err != nil {
			return Subject{}, err
		}
	}
	return subject, nil
}

// member reads the claims as those of a member. Nobody else makes such tokens, so
// all that we write must be there.
func (c *claims) member() (*Member, error) {
	id, err1 := event.Token.Parse(c.ID)
	tenant, err2 := event.Tenant.Parse(c.Subject)
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if c.Organization != Organization || c.ExpiresAt == nil || c.ExpiresAt.After(id.Time().Add(MaxLife)) {
		return nil, ErrInvalid
	}
	return &Member{
		ID: id, Tenant: tenant, Session: c.Session, Expires: c.ExpiresAt.Time,
		Capabilities: c.Capabilities, ReadOnly: c.ReadOnly, FeatureFlags: c.FeatureFlags,
	}, nil
}
