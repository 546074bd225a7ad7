package account

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/postrider/postrider/shared/egress"
	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/store"
)

const (
	// Bounds on one request for a token. What is longer is not read, and as a header
	// no receiver would take it.
	tokenTimeout = 10 * time.Second
	maxTokenBody = 64 << 10
	maxToken     = 12 << 10

	// A token is refreshed when this much of its life is left, or a tenth of it if
	// that is less; meanwhile the old one is good. And it lives no longer than this,
	// also if it does not say.
	refreshBefore = time.Minute
	longestLife   = time.Hour

	// How long nobody asks after a failure: twice as long after each. The first is
	// less than the first delay of the usual schedule, so that no retry is lost to it.
	firstPause   = 2 * time.Second
	longestPause = time.Minute

	// One token is thrown away in this time at most: what a receiver that refuses
	// all of them can make us ask for.
	throwAwayEvery = time.Minute
)

// TokenError says why there is no access token. Its text is for whoever set up the
// endpoint; it has nothing in it of what the token endpoint said but the codes of
// RFC 6749.
type TokenError struct {
	Reason string
	Wait   time.Duration // nobody asks again before
}

// Error returns the text for tenants.
func (e *TokenError) Error() string { return "no access token: " + e.Reason }

// tokens gets access tokens by the client credentials grant: one at a time, for all
// deliveries that wait for it.
type tokens struct {
	config clientcredentials.Config
	client *http.Client

	mu       sync.Mutex
	token    secret.String
	refresh  time.Time // from when on to get the next one
	expires  time.Time
	fetching chan struct{} // closed when the request that is under way ends; nil: none is
	failures int           // since the last success
	failed   string        // why the last request did
	again    time.Time     // before that nobody asks
	thrown   time.Time     // when a token was thrown away last
}

func newTokens(o *store.OAuth, client *http.Client) *tokens {
	style := oauth2.AuthStyleInHeader
	if o.AuthMethod == store.OAuthPost {
		style = oauth2.AuthStyleInParams
	}
	params := make(url.Values, len(o.Params))
	for name, value := range o.Params {
		params.Set(name, value)
	}
	bounded := *client
	bounded.Transport = shortAnswers{client.Transport}
	return &tokens{client: &bounded, config: clientcredentials.Config{
		ClientID: o.ClientID, ClientSecret: o.ClientSecret.Reveal(), TokenURL: o.TokenURL,
		Scopes: o.Scopes, EndpointParams: params, AuthStyle: style,
	}}
}

// Authorize puts an access token into the headers, if the endpoint wants one. It
// waits for one to be fetched, until ctx ends. Its errors are a *TokenError, or the
// cause of ctx when that was cancelled.
func (a *Account) Authorize(ctx context.Context, h http.Header) (token secret.String, err error) {
	if a.tokens == nil {
		return secret.String{}, nil
	}
	token, err = a.tokens.get(ctx)
	if err != nil {
		return secret.String{}, err
	}
	h["Authorization"] = []string{"Bearer " + token.Reveal()}
	return token, nil
}

// Refused tells that the receiver answered 401 to a token. It is thrown away, now
// and then: a receiver that takes none costs no request for each delivery.
func (a *Account) Refused(token secret.String) {
	if a.tokens != nil {
		a.tokens.throwAway(token)
	}
}

func (t *tokens) throwAway(token secret.String) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if !t.token.Equal(token) || !t.thrown.IsZero() && now.Sub(t.thrown) < throwAwayEvery {
		return
	}
	t.token, t.thrown = secret.String{}, now
}

// get returns a token that is good for now.
func (t *tokens) get(ctx context.Context) (secret.String, error) {
	for {
		token, wait, err := t.look(time.Now())
		if wait == nil && (err != nil || !token.IsZero()) {
			return token, err
		}
		if wait == nil {
			t.fetch(ctx)
			if errors.Is(ctx.Err(), context.Canceled) {
				return secret.String{}, context.Cause(ctx)
			}
			continue
		}
		select {
		case <-wait:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return secret.String{}, context.Cause(ctx)
			}
			return secret.String{}, &TokenError{Reason: slow, Wait: firstPause}
		}
	}
}

// look decides what there is to do: take this token, wait for the one that is on
// its way, give up, or else get one, which the caller then has to do.
func (t *tokens) look(now time.Time) (token secret.String, wait <-chan struct{}, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	good := !t.token.IsZero() && now.Before(t.expires)
	switch {
	case good && (now.Before(t.refresh) || now.Before(t.again) || t.fetching != nil):
		return t.token, nil, nil
	case t.fetching != nil:
		return secret.String{}, t.fetching, nil
	case now.Before(t.again):
		return secret.String{}, nil, &TokenError{Reason: t.failed, Wait: t.again.Sub(now)}
	}
	t.fetching = make(chan struct{})
	return secret.String{}, nil, nil
}

// fetch gets a token, and tells those who wait. When ctx is cancelled that is nobody's
// failure, and the next one asks.
func (t *tokens) fetch(ctx context.Context) {
	bounded, cancel := context.WithTimeout(context.WithValue(ctx, oauth2.HTTPClient, t.client), tokenTimeout)
	defer cancel()
	defer func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		close(t.fetching)
		t.fetching = nil
	}()
	began := time.Now()
	got, err := t.config.Token(bounded)

	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	reason := reasonOf(bounded, got, err)
	switch {
	case reason == "":
		t.token = secret.New(got.AccessToken)
		t.expires = began.Add(lifeOf(got, began))
		t.refresh = t.expires.Add(-min(refreshBefore, t.expires.Sub(began)/10))
		t.failures, t.again = 0, time.Time{}
	case errors.Is(ctx.Err(), context.Canceled):
	default:
		t.failed = reason
		t.again = now.Add(min(firstPause<<min(t.failures, 10), longestPause))
		t.failures++
	}
}

func lifeOf(got *oauth2.Token, began time.Time) time.Duration {
	if got.Expiry.IsZero() {
		return longestLife
	}
	return min(got.Expiry.Sub(began), longestLife)
}

// Why there is no token, in a tenant's words.
const (
	slow    = "the token endpoint did not answer in time"
	unread  = "the token endpoint did not answer with a token"
	foreign = "the token endpoint gave a token of another kind than Bearer"
	long    = "the token endpoint gave a token that is too long"
)

// reasonOf says what is wrong with the answer of a token endpoint, empty if nothing.
func reasonOf(ctx context.Context, got *oauth2.Token, err error) string {
	var answered *oauth2.RetrieveError
	var blocked *egress.BlockedError
	var proxy *egress.ProxyError
	switch {
	case err == nil && !strings.EqualFold(got.Type(), "Bearer"):
		return foreign
	case err == nil && len(got.AccessToken) > maxToken:
		return long
	case err == nil && strings.ContainsFunc(got.AccessToken, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return unread // it could not be sent
	case err == nil:
		return ""
	case errors.As(err, &blocked):
		return "the address of the token endpoint may not be called"
	case errors.As(err, &proxy):
		return "the proxy of this installation could not be used"
	case errors.As(err, &answered):
		return refusal(answered)
	case ctx.Err() != nil:
		return slow
	default:
		return unread
	}
}

// refusal tells which of the codes of RFC 6749 (§5.2) the token endpoint answered
// with; what else it says is shown to nobody.
func refusal(answered *oauth2.RetrieveError) string {
	reason := "the token endpoint answered " + strconv.Itoa(answered.Response.StatusCode)
	known := []string{"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope"}
	if slices.Contains(known, answered.ErrorCode) {
		reason += " (" + answered.ErrorCode + ")"
	}
	return reason
}

// shortAnswers reads no more of an answer than a token needs.
type shortAnswers struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (s shortAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := s.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(response.Body, maxTokenBody), response.Body}
	return response, nil
}
