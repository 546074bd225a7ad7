package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/token"
)

// caller is who makes a request.
type caller struct {
	may    rights
	key    event.ID      // zero: not an API key
	member *token.Member // nil: an operator
	uid    string        // of the member's tenant; empty: none
}

// admit finds out who makes a request and lets those through who may. A member
// is told of another application what is told of one that does not exist. How a
// caller stands with its quota is told in the header of the answer.
func (s *server) admit(to route, r *http.Request, header http.Header) (*caller, error) {
	if to.access == forAll {
		return &caller{}, nil
	}
	c, err := s.identify(r)
	if err != nil {
		return nil, err
	}
	if err := s.charge(c, header); err != nil {
		return nil, err
	}
	need, members := to.needs()
	if c.member != nil && !members {
		return nil, forbidden()
	}
	if app := r.PathValue("app_id"); app != "" && !c.belongs(app) {
		return nil, notFound()
	}
	if c.may&need != need {
		return nil, forbidden()
	}
	return c, nil
}

// belongs reports whether a caller may know of an application, by its id or uid.
func (c *caller) belongs(app string) bool {
	return c.member == nil || app == event.Tenant.Format(c.member.Tenant) || c.uid != "" && app == c.uid
}

// sight is which event types a caller sees. Those behind feature flags are seen by
// operators and with tokens that have one of the flags.
func (c *caller) sight() store.EventTypeFilter {
	if c.member == nil {
		return store.EventTypeFilter{Flagged: true}
	}
	return store.EventTypeFilter{Flags: c.member.FeatureFlags}
}

// sees reports whether an event type is in a caller's sight.
func (c *caller) sees(t *store.EventType) bool {
	sight := c.sight()
	return sight.Flagged || t.FeatureFlags == nil ||
		slices.ContainsFunc(t.FeatureFlags, func(flag string) bool { return slices.Contains(sight.Flags, flag) })
}

// identify finds out who makes a request, by the token that it carries. Of a client
// who was wrong too often nothing is looked at, so that it costs neither a query
// nor a signature.
func (s *server) identify(r *http.Request) (*caller, error) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	text = strings.TrimSpace(text)
	if text == "" || !strings.EqualFold(scheme, "Bearer") {
		return nil, unauthorized("Invalid token")
	}
	from := s.Client(r)
	if wait := s.quotas.logins.Blocked(from, text); wait > 0 {
		s.Limited(LimitLogins)
		return nil, tooManyFor("Too many wrong tokens from your address", wait)
	}
	c, err := s.recognise(r.Context(), text)
	if err == nil {
		s.quotas.logins.Right(from, text)
	} else if p, ok := errors.AsType[*problem](err); ok && p.status == http.StatusUnauthorized {
		s.quotas.logins.Wrong(from, text)
	}
	return c, err
}

// recognise finds out whose token it is. Some clients write "token|environment".
func (s *server) recognise(ctx context.Context, text string) (*caller, error) {
	bare, _, tagged := strings.Cut(text, "|")
	switch {
	case s.token.is(text), tagged && s.token.is(bare):
		return &caller{may: mayAll}, nil
	case strings.HasPrefix(bare, token.KeyPrefix):
		return s.byKey(ctx, bare)
	default:
		return s.bySignature(ctx, bare)
	}
}

// byKey identifies a program of an operator.
func (s *server) byKey(ctx context.Context, text string) (*caller, error) {
	key, err := token.ParseKey(text)
	if err != nil {
		return nil, unauthorized("Invalid token")
	}
	found, err := s.Keys.APIKey(ctx, key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, unauthorized("Invalid token")
	case err != nil:
		return nil, err
	case !found.ExpiresAt.IsZero() && !found.ExpiresAt.After(time.Now()):
		return nil, unauthorized("The API key has expired")
	}
	return &caller{may: grant(scopes(), found.Scopes), key: found.ID}, nil
}

// bySignature identifies whoever has a signed token. That of a member can have
// been revoked, so the database is asked.
func (s *server) bySignature(ctx context.Context, text string) (*caller, error) {
	subject, err := s.checker.Check(text)
	switch {
	case err != nil && s.secret.is(text): // a mistake that is often made
		return nil, unauthorized("Invalid token: this is the JWT secret, which signs tokens and is none itself")
	case err != nil:
		return nil, unauthorized("Invalid token")
	case subject.Operator:
		return &caller{may: mayAll}, nil
	}
	m := subject.Member
	its, err := s.Store.ForTenant(ctx, m.Tenant)
	if err != nil {
		return nil, err
	}
	uid, err := its.Membership(ctx, m.Tenant, m.ID, m.Session)
	if errors.Is(err, store.ErrNotFound) {
		return nil, unauthorized("Invalid token")
	}
	if err != nil {
		return nil, err
	}
	may := grant(capabilities(), m.Capabilities)
	if m.ReadOnly {
		may &= mayLook
	}
	return &caller{may: may, member: m, uid: uid}, nil
}

// hidden is a secret text that others are compared with.
type hidden struct {
	sum [sha256.Size]byte
	set bool
}

func hide(text secret.String) hidden {
	return hidden{sum: sha256.Sum256([]byte(text.Reveal())), set: !text.IsZero()}
}

// is compares digests, so that the time it takes tells nothing of the secret,
// not even its length.
func (h *hidden) is(text string) bool {
	sum := sha256.Sum256([]byte(text))
	return h.set && subtle.ConstantTimeCompare(sum[:], h.sum[:]) == 1
}
