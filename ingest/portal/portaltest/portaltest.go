// Package portaltest is for tests of pages: the real API on a database of its own with
// the pages before it, and visitors who look at them as browsers without script do.
package portaltest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/ingest/portal"
	"github.com/postrider/postrider/ingest/portal/web"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

const (
	operator  = "operator-token"
	jwtSecret = "a secret that signs tokens"
)

// World is the pages and the API, over HTTP.
type World struct {
	URL   string
	Store *store.Store
}

// Start starts them. Options change what the API is made of.
func Start(t testing.TB, options ...func(*api.Config)) *World {
	t.Helper()
	w := &World{Store: testkit.Store(t)}
	config := api.Config{
		Store: w.Store, Acceptor: acceptor{w.Store}, Announcer: quiet{},
		Token: secret.New(operator), Secret: secret.New(jwtSecret), Log: testkit.Log(t),
	}
	for _, option := range options {
		option(&config)
	}
	stopping := make(chan struct{})
	pages, err := portal.New(web.Config{API: api.New(config), Log: testkit.Log(t), Stopping: stopping})
	require.NoError(t, err)
	server := httptest.NewServer(pages)
	t.Cleanup(func() {
		close(stopping)
		server.Close()
	})
	w.URL = server.URL
	return w
}

// QueueAway is an option: nothing can be delivered.
func QueueAway(c *api.Config) {
	c.Health = func(context.Context) api.Health { return api.Health{Queue: errors.New("away")} }
}

// FewLogins is an option: nobody may bring more than two wrong tokens a minute.
func FewLogins(c *api.Config) { c.FailedLogins = 2 }

// API does something through the API, as an operator, and returns the answer, which
// has to be a success.
func (w *World) API(t testing.TB, method, path, body string) map[string]any {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, w.URL+"/api/v1"+path, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+operator)
	response, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Less(t, response.StatusCode, 300, "%s %s: %s", method, path, text)
	var answer map[string]any
	if len(text) > 0 {
		require.NoError(t, json.Unmarshal(text, &answer))
	}
	return answer
}

// App makes an application and returns its id.
func (w *World) App(t testing.TB, name string) string {
	t.Helper()
	body, err := json.Marshal(map[string]string{"name": name})
	require.NoError(t, err)
	return ID(t, w.API(t, http.MethodPost, "/app", string(body)))
}

// ID of what the API has made.
func ID(t testing.TB, answer map[string]any) string {
	t.Helper()
	id, ok := answer["id"].(string)
	require.True(t, ok, "no id: %v", answer)
	return id
}

// Attempts records what became of a message of its own at an endpoint, one attempt
// after the other, and returns the message's id.
func (w *World) Attempts(t testing.TB, app, endpoint string, outcomes ...string) string {
	t.Helper()
	message := ID(t, w.API(t, http.MethodPost, "/app/"+app+"/msg", `{"eventType":"test","payload":{}}`))
	attempts := make([]store.Attempt, len(outcomes))
	for i, outcome := range outcomes {
		attempts[i] = store.Attempt{
			ID: event.NewID(), Tenant: parse(t, event.Tenant, app), Event: parse(t, event.Message, message), Endpoint: parse(t, event.Endpoint, endpoint),
			Number: i + 1, Outcome: outcome, Duration: 100 * time.Millisecond, Response: []byte{},
		}
	}
	require.NoError(t, w.Store.RecordAttempts(t.Context(), attempts))
	return message
}

func parse(t testing.TB, kind event.Kind, text string) event.ID {
	t.Helper()
	id, err := kind.Parse(text)
	require.NoError(t, err)
	return id
}

// Link makes a portal link for an application. Wish is what it is to be good for, as
// JSON; empty: everything.
func (w *World) Link(t testing.TB, app, wish string) string {
	t.Helper()
	link, ok := w.API(t, http.MethodPost, "/auth/app-portal-access/"+app, wish)["url"].(string)
	require.True(t, ok)
	return link
}

// Member is a visitor who has opened the portal of an application by its link.
func (w *World) Member(t testing.TB, app string) *Visitor {
	t.Helper()
	v := w.Visitor(t)
	p := v.Post("/login", "key", w.Link(t, app, ""))
	require.Equal(t, "/portal/", p.Location)
	return v
}

// Operator is a visitor who has logged in at the console.
func (w *World) Operator(t testing.TB) *Visitor {
	t.Helper()
	v := w.Visitor(t)
	p := v.Post("/console/login", "key", operator)
	require.Equal(t, "/console/", p.Location)
	return v
}

// Visitor is somebody with a browser, who has not logged in.
func (w *World) Visitor(t testing.TB) *Visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &Visitor{t: t, world: w, Header: http.Header{}, jar: jar}
}

// Visitor looks at pages and fills in forms. It follows no redirect.
type Visitor struct {
	Header http.Header // of all requests, such as HX-Request

	t     testing.TB
	world *World
	jar   *cookiejar.Jar
}

// Page is what a visitor sees.
type Page struct {
	Status   int
	Location string // where it leads to; empty: nowhere
	Header   http.Header
	Text     string
}

// Shows reports whether a text is on the page, as people read it.
func (p Page) Shows(text string) bool { return strings.Contains(html.UnescapeString(p.Text), text) }

// Link is the address that the link with these words leads to.
func (p Page) Link(t testing.TB, words string) string {
	t.Helper()
	found := regexp.MustCompile(`<a [^>]*href="([^"]*)"[^>]*>` + regexp.QuoteMeta(words) + `</a>`).FindStringSubmatch(p.Text)
	require.NotNil(t, found, "no link %q in %s", words, p.Text)
	return html.UnescapeString(found[1])
}

// Get looks at a page.
func (v *Visitor) Get(path string) Page {
	v.t.Helper()
	return v.do(http.MethodGet, path, nil)
}

// Until looks at a part of a page that goes on changing, until it has said a text, and
// returns all that it has said.
func (v *Visitor) Until(path, text string) string {
	v.t.Helper()
	ctx, leave := context.WithCancel(v.t.Context())
	defer leave()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, v.world.URL+path, http.NoBody)
	require.NoError(v.t, err)
	for _, cookie := range v.jar.Cookies(request.URL) {
		request.AddCookie(cookie)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(v.t, err)
	defer response.Body.Close()
	var said strings.Builder
	for lines := bufio.NewScanner(response.Body); !strings.Contains(said.String(), text); {
		require.True(v.t, lines.Scan(), "it ended without %q: %s", text, said.String())
		said.WriteString(lines.Text() + "\n")
	}
	return said.String()
}

// Post sends a form, of names and values by turns.
func (v *Visitor) Post(path string, fields ...string) Page {
	v.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	return v.do(http.MethodPost, path, form)
}

// Open looks at what never ends: until the context does.
func (v *Visitor) Open(ctx context.Context, path string) io.Reader {
	v.t.Helper()
	response := v.send(ctx, http.MethodGet, path, nil)
	v.t.Cleanup(func() { response.Body.Close() })
	require.Equal(v.t, http.StatusOK, response.StatusCode)
	return response.Body
}

func (v *Visitor) do(method, path string, form url.Values) Page {
	v.t.Helper()
	response := v.send(v.t.Context(), method, path, form)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(v.t, err)
	return Page{Status: response.StatusCode, Location: response.Header.Get("Location"), Header: response.Header, Text: string(text)}
}

func (v *Visitor) send(ctx context.Context, method, path string, form url.Values) *http.Response {
	v.t.Helper()
	request, err := http.NewRequestWithContext(ctx, method, v.world.URL+path, strings.NewReader(form.Encode()))
	require.NoError(v.t, err)
	maps.Copy(request.Header, v.Header)
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, cookie := range v.jar.Cookies(request.URL) {
		request.AddCookie(cookie)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(v.t, err)
	v.jar.SetCookies(request.URL, response.Cookies())
	return response
}

// acceptor stores events one by one.
type acceptor struct{ store *store.Store }

// Accept implements api.Acceptor.
func (a acceptor) Accept(ctx context.Context, events ...*store.NewEvent) ([]api.Verdict, error) {
	group := make([]store.NewEvent, len(events))
	for i, e := range events {
		group[i] = *e
	}
	refusals, _, err := a.store.Accept(ctx, group, 256<<10)
	if err != nil {
		return nil, err
	}
	verdicts := make([]api.Verdict, len(events))
	for i, refusal := range refusals {
		verdicts[i].Refusal = refusal
	}
	return verdicts, nil
}

// quiet tells nobody what was stored.
type quiet struct{}

// Announce implements api.Announcer.
func (quiet) Announce(context.Context, store.Task) {}

// Publish implements api.Announcer.
func (quiet) Publish(store.Batch) {}
