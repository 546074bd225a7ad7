package api

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/token"
)

const (
	minTokenLife = time.Hour
	maxTokenLife = token.MaxLife // and the default

	portalPath    = "/auth/app-portal-access/{app_id}"
	dashboardPath = "/auth/dashboard-access/{app_id}" // the older name
	logoutPath    = "/auth/logout"

	maxSessions     = 100
	maxFeatureFlags = 4096 // bytes, since the token travels with every request
)

func tokenRoutes() []route {
	return []route{
		{"POST", portalPath, forOperators, (*call).openPortal},
		{"POST", dashboardPath, forOperators, (*call).openPortal},
		{"POST", "/auth/app/{app_id}/expire-all", forOperators, (*call).expireTokens},
		{"POST", logoutPath, forBearers, (*call).logout},
	}
}

// portal is where a member goes, and the token that is in the address.
type portal struct {
	URL   string `json:"url"`
	Token string `json:"token"`
}

// openPortal makes a token for the people of an application.
func (c *call) openPortal(r *http.Request) (reply, error) {
	if c.signed.IsZero() {
		return reply{}, &problem{
			status: http.StatusNotImplemented, code: "not_implemented", detail: "No tokens can be made: POSTRIDER_JWT_SECRET is not set",
		}
	}
	f, err := readOptionalForm(r)
	if err != nil {
		return reply{}, err
	}
	m := token.Member{ID: event.NewID()}
	if err := f.memberToken(&m); err != nil {
		return reply{}, err
	}
	tenant, err := c.tenantOrNew(r, f)
	if err != nil {
		return reply{}, err
	}
	m.Tenant = tenant.ID
	text, err := c.signed.SignMember(&m)
	if err != nil {
		return reply{}, err
	}
	return ok(portal{URL: c.portalURL(r, event.Tenant.Format(tenant.ID), text), Token: text}), nil
}

// memberToken reads what a token is to be good for.
func (f *form) memberToken(m *token.Member) error {
	seconds := int(maxTokenLife.Seconds())
	if clearable(f, "expiry", &seconds) && (seconds < int(minTokenLife.Seconds()) || seconds > int(maxTokenLife.Seconds())) {
		f.refuse("expiry", "must be 3600 to 604800 seconds")
	}
	m.Expires = m.ID.Time().Truncate(time.Second).Add(time.Duration(seconds) * time.Second)
	clearable(f, "readOnly", &m.ReadOnly)
	if clearable(f, "sessionId", &m.Session) {
		f.sessions("sessionId", []string{m.Session})
	}
	f.capabilities(m)
	if clearable(f, "featureFlags", &m.FeatureFlags) {
		f.featureFlags(m.FeatureFlags)
	}
	f.broughtAlong(new(store.Tenant))
	return f.err()
}

func (f *form) featureFlags(flags []string) {
	const field = "featureFlags"
	switch {
	case len(strings.Join(flags, "")) > maxFeatureFlags:
		f.refuse(field, "must not be longer than 4096 bytes together")
	case slices.ContainsFunc(flags, func(flag string) bool { return !isName(flag) }):
		f.refuse(field, "must be names")
	}
}

// capabilities reads what the holder of a token may do: everything unless it is
// said, or, with a token that is only to read, all but the signing keys.
func (f *form) capabilities(m *token.Member) {
	all := capabilities()
	if !clearable(f, "capabilities", &m.Capabilities) {
		if m.Capabilities = slices.Sorted(maps.Keys(all)); m.ReadOnly {
			m.Capabilities = []string{viewBase}
		}
		return
	}
	for _, name := range m.Capabilities {
		if _, known := all[name]; !known {
			f.refuse("capabilities", "must be of ViewBase, ViewEndpointSecret, ManageEndpointSecret, ManageTransformations, CreateAttempts, ManageEndpoint")
			return
		}
	}
	if !slices.Contains(m.Capabilities, viewBase) {
		f.refuse("capabilities", "must contain ViewBase")
	}
	slices.Sort(m.Capabilities)
	m.Capabilities = slices.Compact(m.Capabilities)
}

// sessions checks what a producer calls sessions.
func (f *form) sessions(field string, names []string) {
	switch {
	case len(names) > maxSessions:
		f.refuse(field, "must not be more than 100")
	case slices.ContainsFunc(names, func(name string) bool { return name == "" || len(name) > maxName || hasControl(name) }):
		f.refuse(field, "must be 1 to 256 bytes without control characters")
	}
}

// tenantOrNew finds the application of the path, or makes the one that the
// request brings along when there is none of the path's uid.
func (c *call) tenantOrNew(r *http.Request, f *form) (*store.Tenant, error) {
	there, err := c.tenant(r)
	if !errors.Is(err, store.ErrNotFound) {
		return there, err
	}
	tenant, err := f.application(r.PathValue("app_id"))
	if err != nil {
		return nil, err
	}
	err = c.makeTenant(r.Context(), tenant)
	if errors.Is(err, store.ErrConflict) { // somebody else was quicker
		return c.tenant(r)
	}
	return tenant, err
}

// portalURL is the address of the portal for the holder of a token. The token is
// in its fragment, which browsers send to nobody.
func (c *call) portalURL(r *http.Request, app, text string) string {
	base := c.Portal
	if base == "" {
		scheme := "http"
		if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
			scheme = "https"
		}
		base = scheme + "://" + r.Host
	}
	login, err := json.Marshal(struct {
		AppID string `json:"appId"`
		Token string `json:"token"`
	}{app, text})
	if err != nil {
		return base // two texts can always be encoded
	}
	return base + "/login#" + url.Values{"key": {base64.StdEncoding.EncodeToString(login)}}.Encode()
}

// expireTokens ends the tokens of an application that were made until now, or
// those of some sessions. Tokens know by their ids when they were made, by the
// clock of the process that made them.
func (c *call) expireTokens(r *http.Request) (reply, error) {
	f, err := readOptionalForm(r)
	if err != nil {
		return reply{}, err
	}
	end := store.Revocation{Last: event.NewID()}
	var seconds int
	if clearable(f, "expiry", &seconds) && (seconds < 0 || seconds > int(maxTokenLife.Seconds())) {
		f.refuse("expiry", "must be 0 to 604800 seconds")
	}
	end.After = time.Duration(seconds) * time.Second
	if clearable(f, "sessionIds", &end.Sessions) {
		f.sessions("sessionIds", end.Sessions)
	}
	if err := f.err(); err != nil {
		return reply{}, err
	}
	tenant, err := c.tenant(r)
	if err != nil {
		return reply{}, err
	}
	end.Tenant = tenant.ID
	return done(), c.Store.Revoke(r.Context(), end)
}

// logout ends the token that it comes with. Those of operators have no end of
// their own: a key is deleted, a signed one is good for as long as it says.
func (c *call) logout(r *http.Request) (reply, error) {
	m := c.caller.member
	if m == nil {
		return done(), nil
	}
	return done(), c.Store.Revoke(r.Context(), store.Revocation{Tenant: m.Tenant, First: m.ID, Last: m.ID})
}
