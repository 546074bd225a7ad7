package account_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/deliver/account"
	"github.com/postrider/postrider/shared/egress"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

func newBook(t *testing.T, policy egress.Policy) *account.Book {
	t.Helper()
	client := policy.Client(egress.Pool{})
	t.Cleanup(client.CloseIdleConnections)
	b := account.NewBook(policy, client)
	t.Cleanup(b.Close)
	return b
}

// issuer is a token endpoint.
type issuer struct {
	*httptest.Server
	asked atomic.Int64
}

// newIssuer starts a token endpoint that answers as handle says; nil: with a token
// of which each is another and lives for an hour.
func newIssuer(t *testing.T, handle http.HandlerFunc) *issuer {
	t.Helper()
	i := &issuer{}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := i.asked.Add(1)
		if handle != nil {
			handle(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"bearer","expires_in":3600}`, n)
	}))
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) credentials(changes ...func(*store.OAuth)) *store.Credentials {
	o := &store.OAuth{TokenURL: i.URL + "/token", ClientID: "me", ClientSecret: secret.New("canary"), AuthMethod: store.OAuthBasic}
	for _, change := range changes {
		change(o)
	}
	return &store.Credentials{OAuth: o}
}

// authorize opens the account and returns the header that it makes.
func authorize(ctx context.Context, b *account.Book, id event.ID, c *store.Credentials) (string, secret.String, error) {
	a, err := b.Open(id, c)
	if err != nil {
		return "", secret.String{}, err
	}
	defer a.Release()
	h := make(http.Header)
	token, err := a.Authorize(ctx, h)
	return h.Get("Authorization"), token, err
}

// TestTokenRequest looks at what a token endpoint gets.
func TestTokenRequest(t *testing.T) {
	t.Parallel()
	for _, method := range []string{store.OAuthBasic, store.OAuthPost} {
		got := make(chan *http.Request, 1)
		i := newIssuer(t, func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			got <- r
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"access_token":"x","token_type":"Bearer"}`)
		})
		header, _, err := authorize(testkit.Context(t), newBook(t, testkit.Loopback()), event.NewID(), i.credentials(func(o *store.OAuth) {
			o.AuthMethod, o.Scopes, o.Params = method, []string{"a", "b"}, map[string]string{"audience": "https://api"}
		}))
		require.NoError(t, err)
		require.Equal(t, "Bearer x", header)
		r := <-got
		require.Equal(t, http.MethodPost, r.Method)
		require.Equal(t, "/token", r.URL.Path)
		require.Equal(t, "client_credentials", r.PostForm.Get("grant_type"))
		require.Equal(t, "a b", r.PostForm.Get("scope"))
		require.Equal(t, "https://api", r.PostForm.Get("audience"))
		id, hidden, basic := r.BasicAuth()
		if method == store.OAuthPost {
			require.False(t, basic)
			id, hidden = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
		} else {
			require.Empty(t, r.PostForm.Get("client_secret"))
		}
		require.Equal(t, "me", id)
		require.Equal(t, "canary", hidden)
	}
}

// TestTokenIsFetchedOnce has a crowd wait for one token.
func TestTokenIsFetchedOnce(t *testing.T) {
	t.Parallel()
	const crowd = 50
	waiting := make(chan struct{})
	i := newIssuer(t, func(w http.ResponseWriter, _ *http.Request) {
		<-waiting
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token":"x","expires_in":3600}`)
	})
	b, id := newBook(t, testkit.Loopback()), event.NewID()
	var all sync.WaitGroup
	var begun atomic.Int64
	for range crowd {
		all.Go(func() {
			if begun.Add(1) == crowd {
				close(waiting)
			}
			header, _, err := authorize(testkit.Context(t), b, id, i.credentials())
			require.NoError(t, err)
			require.Equal(t, "Bearer x", header)
		})
	}
	all.Wait()
	require.EqualValues(t, 1, i.asked.Load())

	_, _, err := authorize(testkit.Context(t), b, event.NewID(), i.credentials())
	require.NoError(t, err)
	require.EqualValues(t, 2, i.asked.Load(), "another endpoint has a token of its own")
	_, _, err = authorize(testkit.Context(t), b, id, i.credentials(func(o *store.OAuth) { o.ClientSecret = secret.New("new") }))
	require.NoError(t, err)
	require.EqualValues(t, 3, i.asked.Load(), "and so have other credentials")
}

// TestTokenIsThrownAwayOnce: a receiver that refuses every token does not have one
// fetched for each delivery.
func TestTokenIsThrownAwayOnce(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, nil)
	b, id, c := newBook(t, testkit.Loopback()), event.NewID(), i.credentials()
	refused := func() string {
		a, err := b.Open(id, c)
		require.NoError(t, err)
		defer a.Release()
		h := make(http.Header)
		token, err := a.Authorize(testkit.Context(t), h)
		require.NoError(t, err)
		a.Refused(token)
		a.Refused(token) // by another delivery that had the same
		return h.Get("Authorization")
	}
	require.Equal(t, "Bearer token-1", refused())
	for range 5 {
		require.Equal(t, "Bearer token-2", refused())
	}
	require.EqualValues(t, 2, i.asked.Load())
}

// TestTokenEndpointFails: the reason is told, nothing else of the answer is, and it
// is not asked again for every delivery.
func TestTokenEndpointFails(t *testing.T) {
	t.Parallel()
	answer := func(status int, kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	const kind = "application/json"
	for want, handle := range map[string]http.HandlerFunc{
		"the token endpoint answered 401 (invalid_client)":            answer(401, kind, `{"error":"invalid_client","error_description":"canary"}`),
		"the token endpoint answered 400":                             answer(400, kind, `{"error":"canary"}`),
		"the token endpoint answered 500":                             answer(500, "text/html", "<canary>"),
		"the token endpoint answered 302":                             answer(302, kind, `{"access_token":"canary"}`),
		"the token endpoint did not answer with a token":              answer(200, kind, `{"canary":"x"}`),
		"the token endpoint gave a token of another kind than Bearer": answer(200, kind, `{"access_token":"canary","token_type":"mac"}`),
		"the token endpoint gave a token that is too long":            answer(200, kind, `{"access_token":"`+strings.Repeat("canary", 3000)+`"}`),
		"the token endpoint did not answer with a token ":             answer(200, kind, `{"access_token":"`+strings.Repeat("canary", 1<<20)+`"}`),
		"the token endpoint did not answer with a token  ":            answer(200, kind, `{"access_token":"ca\r\nnary"}`),
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t, handle)
			b, id, c := newBook(t, testkit.Loopback()), event.NewID(), i.credentials()
			for range 3 {
				header, _, err := authorize(testkit.Context(t), b, id, c)
				require.Empty(t, header)
				var noToken *account.TokenError
				require.ErrorAs(t, err, &noToken)
				require.Equal(t, strings.TrimSpace(want), noToken.Reason)
				require.Positive(t, noToken.Wait)
				require.LessOrEqual(t, noToken.Wait, 2*time.Second)
				require.NotContains(t, fmt.Sprintf("%+v", err), "canary")
			}
			require.EqualValues(t, 1, i.asked.Load())
		})
	}
}

// TestTokenIsGuarded: the token endpoint is no way around the policy.
func TestTokenIsGuarded(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, nil)
	_, _, err := authorize(testkit.Context(t), newBook(t, egress.Policy{}), event.NewID(), i.credentials())
	require.EqualError(t, err, "no access token: the address of the token endpoint may not be called")
	require.Zero(t, i.asked.Load())
}

// TestTokenInTime: an attempt waits no longer than it may take, and one that is cut
// off is nobody's failure.
func TestTokenInTime(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	arrived := make(chan struct{}, 10)
	i := newIssuer(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		select {
		case <-r.Context().Done():
		case <-over:
		}
	})
	t.Cleanup(func() { close(over) })
	b, id, c := newBook(t, testkit.Loopback()), event.NewID(), i.credentials()

	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-arrived
		cancel(io.ErrClosedPipe)
	}()
	_, _, err := authorize(ctx, b, id, c)
	require.ErrorIs(t, err, io.ErrClosedPipe)

	ctx, done := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer done()
	_, _, err = authorize(ctx, b, id, c)
	require.EqualError(t, err, "no access token: the token endpoint did not answer in time")
	require.EqualValues(t, 2, i.asked.Load(), "the first has not made the second wait")
}

// TestTokenIsRefreshed awaits the end of a short life.
func TestTokenIsRefreshed(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	i := newIssuer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"token-%d","expires_in":1}`, n.Add(1))
	})
	b, id, c := newBook(t, testkit.Loopback()), event.NewID(), i.credentials()
	for header := ""; header != "Bearer token-2"; {
		var err error
		header, _, err = authorize(testkit.Context(t), b, id, c)
		require.NoError(t, err)
	}
}
