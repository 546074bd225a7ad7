package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/postrider/postrider/shared/egress"
	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/store"
)

const (
	maxClientText = 1024 // of an id, a secret, a scope, a parameter
	maxScopes     = 50
	maxParams     = 20

	// The only grant that there is.
	clientCredentials = "clientCredentials"
)

func oauthRoutes() []route {
	its := credential[oauth]{showOAuth, func(c *store.Credentials) { c.OAuth = nil }}
	return []route{
		{"GET", endpointPath + "/oauth", forMembers, its.get},
		{"PUT", endpointPath + "/oauth", forMembers, (*call).putOAuth},
		{"DELETE", endpointPath + "/oauth", forMembers, its.remove},
		{"GET", endpointPath + "/oauth-config", forMembers, its.status},
	}
}

// oauth is how to get access tokens as clients see it: all but the secret.
type oauth struct {
	GrantType   string            `json:"grantType"`
	AuthMethod  string            `json:"authMethod"`
	ClientID    string            `json:"clientId"`
	TokenURL    string            `json:"tokenUrl"`
	Scopes      []string          `json:"scopes"`
	ExtraParams map[string]string `json:"extraParams"`
}

func showOAuth(c *store.Credentials) (*oauth, error) {
	if c.OAuth == nil {
		return nil, nil //nolint:nilnil // it is not set
	}
	o := c.OAuth
	return &oauth{
		GrantType: clientCredentials, AuthMethod: o.AuthMethod, ClientID: o.ClientID, TokenURL: o.TokenURL,
		Scopes: o.Scopes, ExtraParams: o.Params,
	}, nil
}

// putOAuth sets all of it. The secret has to come with it each time: who may only
// write could otherwise have it sent to a server of his own.
func (c *call) putOAuth(r *http.Request) (reply, error) {
	f, err := readForm(r)
	if err != nil {
		return reply{}, err
	}
	made := f.oauth(c.Egress)
	if err := f.err(); err != nil {
		return reply{}, err
	}
	return c.changeCredentials(r, func(e *store.Endpoint, credentials *store.Credentials) error {
		if authorizes(e.Headers) {
			f.refuse("grantType", "the endpoint has an Authorization header: remove that first")
			return f.err()
		}
		credentials.OAuth = made
		return nil
	})
}

// authorizes reports whether headers have one that an access token would replace.
func authorizes[V any](headers map[string]V) bool {
	for name := range headers {
		if strings.EqualFold(name, "Authorization") {
			return true
		}
	}
	return false
}

// oauth reads how to get access tokens. What Svix knows and we do not is refused: it
// would be missed.
func (f *form) oauth(policy egress.Policy) *store.OAuth {
	var o store.OAuth
	f.oneOf("grantType", new(string), clientCredentials)
	f.oneOf("authMethod", &o.AuthMethod, store.OAuthBasic, store.OAuthPost)
	f.clientText("clientId", &o.ClientID)
	var hidden string
	f.clientText("clientSecret", &hidden)
	o.ClientSecret = secret.New(hidden)
	f.require("tokenUrl")
	if member(f, "tokenUrl", &o.TokenURL) {
		normal, err := policy.NormalizeURL(o.TokenURL)
		switch parsed, parseErr := url.Parse(normal); {
		case err != nil:
			f.refuse("tokenUrl", err.Error())
		case parseErr != nil || parsed.User != nil:
			f.refuse("tokenUrl", "must not have a user or a password")
		}
		o.TokenURL = normal
	}
	f.oauthScopes(&o.Scopes)
	if params, ok := f.texts("extraParams"); ok {
		f.extraParams(params)
		o.Params = params
	}
	for _, name := range []string{"jwtParams", "refreshToken", "extraHeaders"} {
		if f.given(name) {
			f.refuse(name, "is not supported")
		}
	}
	return &o
}

// oneOf reads a member that must be there and be one of few.
func (f *form) oneOf(name string, target *string, allowed ...string) {
	f.require(name)
	if member(f, name, target) && !slices.Contains(allowed, *target) {
		f.refuse(name, "must be "+strings.Join(allowed, " or "))
	}
}

// clientText reads a member that must be there, in characters that RFC 6749
// (appendix A) has in ids and secrets.
func (f *form) clientText(name string, target *string) {
	f.require(name)
	if member(f, name, target) && (*target == "" || len(*target) > maxClientText || !isPrintable(*target)) {
		f.refuse(name, "must be 1 to 1024 characters of printable ASCII")
	}
}

func (f *form) oauthScopes(target *[]string) {
	var scopes []string
	if !clearable(f, "scopes", &scopes) {
		return
	}
	if len(scopes) > maxScopes {
		f.refuse("scopes", "must not be more than 50")
	}
	if slices.ContainsFunc(scopes, func(s string) bool {
		return s == "" || len(s) > maxClientText || !isPrintable(s) || strings.ContainsAny(s, ` "\`)
	}) {
		f.refuse("scopes", "must be 1 to 1024 characters each, of printable ASCII without spaces, quotes and backslashes")
	}
	*target = scopes
}

// extraParams checks what goes into the request for a token beside what it is made
// of.
func (f *form) extraParams(params map[string]string) {
	if len(params) > maxParams {
		f.refuse("extraParams", "must not be more than 20")
	}
	for name, value := range params {
		switch {
		case slices.Contains([]string{"grant_type", "client_id", "client_secret", "scope"}, name):
			f.refuse("extraParams", "not allowed: "+name)
		case name == "" || len(name) > maxClientText || len(value) > maxClientText || !isPrintable(name) || hasControl(value):
			f.refuse("extraParams", "names and values must be at most 1024 bytes, and names 1 or more of printable ASCII")
		}
	}
}
