package api_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/ingest/api/openapi/openapitest"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const token = "operator-token"

// direct accepts events one by one, in the real store.
type direct struct{ store *store.Store }

func (d direct) Accept(ctx context.Context, events ...*store.NewEvent) ([]api.Verdict, error) {
	group := make([]store.NewEvent, len(events))
	for i, e := range events {
		group[i] = *e
	}
	refusals, _, err := d.store.Accept(ctx, group, 256<<10)
	if err != nil {
		return nil, err
	}
	verdicts := make([]api.Verdict, len(events))
	for i, refusal := range refusals {
		verdicts[i].Refusal = refusal
	}
	return verdicts, nil
}

// acceptorFunc is an acceptor in trouble.
type acceptorFunc func(context.Context, *store.NewEvent) (store.Refusal, error)

func (f acceptorFunc) Accept(ctx context.Context, events ...*store.NewEvent) ([]api.Verdict, error) {
	verdicts := make([]api.Verdict, len(events))
	for i, e := range events {
		var err error
		if verdicts[i].Refusal, err = f(ctx, e); err != nil {
			return nil, err
		}
	}
	return verdicts, nil
}

// board remembers what was announced.
type board struct {
	mu        sync.Mutex
	tasks     []store.Task
	published []event.Event
}

func (b *board) Publish(batch store.Batch) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.published = append(b.published, batch.Events...)
}

func (b *board) Announce(_ context.Context, t store.Task) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tasks = append(b.tasks, t)
}

func (b *board) last(t *testing.T) store.Task {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	require.NotEmpty(t, b.tasks)
	return b.tasks[len(b.tasks)-1]
}

// world is the API over HTTP with a database of its own.
type world struct {
	url   string
	store *store.Store
	board *board
}

// start starts the API behind the fence: every test of a route shows that the role of
// the API is enough for it, and that it says whom it serves.
func start(t *testing.T, options ...func(*api.Config)) *world {
	t.Helper()
	url := testkit.Database(t)
	owner := testkit.Open(t, url)
	fenced := func(c *api.Config) { c.Store, c.Names = testkit.Fenced(t, owner, url), names{owner} }
	return startOn(t, owner, append([]func(*api.Config){fenced}, options...)...)
}

// names asks the database, as ingest and not as the API.
type names struct{ *store.Store }

func (names) Forget(string) {}

func startOn(t *testing.T, s *store.Store, options ...func(*api.Config)) *world {
	t.Helper()
	w := &world{store: s, board: &board{}}
	stopping := make(chan struct{})
	close(stopping) // no stream goes on, unless a test wants it to
	config := api.Config{Store: s, Acceptor: direct{s}, Announcer: w.board, Token: secret.New(token), Log: testkit.Log(t), Stopping: stopping}
	for _, option := range options {
		option(&config)
	}
	server := httptest.NewServer(api.New(config))
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	text   string
	body   map[string]any // nil unless it is an object
}

// send makes a request with the operator's token. Each of the headers is a name,
// a colon and a value. Request and answer have to be as the document says.
func (w *world) send(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	a := w.exchange(t, method, path, body, headers...)
	require.NoError(t, openapitest.Check(openapitest.Exchange{
		Method: method, URL: "/api/v1" + path, Sent: []byte(body), Status: a.status, Header: a.header, Body: []byte(a.text),
	}))
	return a
}

// exchange is send whatever the document says.
func (w *world) exchange(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, w.url+"/api/v1"+path, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+token)
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ":")
		request.Header.Set(name, value)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	a := answer{status: response.StatusCode, header: response.Header, text: string(text)}
	if len(text) > 0 {
		require.Equal(t, "application/json", response.Header.Get("Content-Type"))
		require.NoError(t, json.Unmarshal(text, &a.body), "not an object: %s", text)
	}
	return a
}

// must is send that expects a status.
func (w *world) must(t *testing.T, status int, method, path, body string, headers ...string) answer {
	t.Helper()
	a := w.send(t, method, path, body, headers...)
	require.Equal(t, status, a.status, "%s %s: %s", method, path, a.text)
	return a
}

// requireInvalid wants a 422 whose only fault is at the place, such as
// "body.uid".
func (a answer) requireInvalid(t *testing.T, place string) {
	t.Helper()
	require.Equal(t, http.StatusUnprocessableEntity, a.status, a.text)
	faults, ok := a.body["detail"].([]any)
	require.True(t, ok, a.text)
	require.Len(t, faults, 1, a.text)
	fault, _ := faults[0].(map[string]any)
	var loc []string
	for _, part := range fault["loc"].([]any) {
		loc = append(loc, part.(string))
	}
	require.Equal(t, place, strings.Join(loc, "."), a.text)
	require.NotEmpty(t, fault["msg"])
	require.NotEmpty(t, fault["type"])
}

// requireCode wants an error with the code and some detail.
func (a answer) requireCode(t *testing.T, status int, code string) {
	t.Helper()
	require.Equal(t, status, a.status, a.text)
	require.Equal(t, code, a.body["code"], a.text)
	require.NotEmpty(t, a.body["detail"])
}

// id of what was created.
func (a answer) id(t *testing.T) string {
	t.Helper()
	id, ok := a.body["id"].(string)
	require.True(t, ok, a.text)
	return id
}

// data is the page of a list, by one member of each item.
func (a answer) data(t *testing.T, member string) []any {
	t.Helper()
	items, ok := a.body["data"].([]any)
	require.True(t, ok, a.text)
	values := make([]any, len(items))
	for i, item := range items {
		values[i] = item.(map[string]any)[member]
	}
	return values
}

func (w *world) app(t *testing.T, body string) string {
	t.Helper()
	return w.must(t, http.StatusCreated, "POST", "/app", body).id(t)
}

func (w *world) endpoint(t *testing.T, app, body string) string {
	t.Helper()
	return w.must(t, http.StatusCreated, "POST", "/app/"+app+"/endpoint", body).id(t)
}

func (w *world) message(t *testing.T, app, body string) string {
	t.Helper()
	return w.must(t, http.StatusAccepted, "POST", "/app/"+app+"/msg", body).id(t)
}

func parse(t *testing.T, kind event.Kind, text string) event.ID {
	t.Helper()
	id, err := kind.Parse(text)
	require.NoError(t, err)
	return id
}
