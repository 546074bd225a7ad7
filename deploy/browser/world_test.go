package browser

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// object is a JSON object.
type object = map[string]any

// call calls the API as the operator, and fails the test unless it succeeds.
func call(t *testing.T, method, path string, body any) object {
	t.Helper()
	var sent io.Reader = http.NoBody
	if body != nil {
		text, err := json.Marshal(body)
		require.NoError(t, err)
		sent = bytes.NewReader(text)
	}
	ctx := context.WithoutCancel(t.Context()) // it also clears up
	request, err := http.NewRequestWithContext(ctx, method, system.URL+"/api/v1"+path, sent)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+system.Token)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Less(t, response.StatusCode, 300, "%s %s: %s", method, path, text)
	var answer object
	if len(text) > 0 {
		require.NoError(t, json.Unmarshal(text, &answer))
	}
	return answer
}

// application is one that a test has made for itself.
type application struct {
	t   *testing.T
	uid string
}

// newApplication makes one whose uid is made of the test's name.
func newApplication(t *testing.T, name string) application {
	t.Helper()
	a := application{t, strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name()))}
	call(t, http.MethodPost, "/app", object{"name": name, "uid": a.uid})
	return a
}

// endpoint makes one at a URL, with further members, and returns its id.
func (a application) endpoint(url string, with object) string {
	a.t.Helper()
	body := object{"url": url}
	maps.Copy(body, with)
	return call(a.t, http.MethodPost, "/app/"+a.uid+"/endpoint", body)["id"].(string)
}

// post posts a message and returns its id.
func (a application) post(eventType string, payload any, with object) string {
	a.t.Helper()
	body := object{"eventType": eventType, "payload": payload}
	maps.Copy(body, with)
	return call(a.t, http.MethodPost, "/app/"+a.uid+"/msg", body)["id"].(string)
}

// eventually waits until something is so, as long as a page may take.
func eventually(t *testing.T, ok func() bool, what string) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatal("never: " + what)
}

// until waits until a message has reached a state at all endpoints: success or fail.
func (a application) until(message, state string) {
	a.t.Helper()
	eventually(a.t, func() bool {
		all := call(a.t, http.MethodGet, "/app/"+a.uid+"/msg/"+message+"/endpoint", nil)["data"].([]any)
		for _, one := range all {
			if one.(object)["statusText"] != state {
				return false
			}
		}
		return len(all) > 0
	}, message+" is "+state)
}

// portal is the link that an application's people are given.
func (a application) portal(with object) string {
	a.t.Helper()
	if with == nil {
		with = object{}
	}
	return call(a.t, http.MethodPost, "/auth/app-portal-access/"+a.uid, with)["url"].(string)
}

// eventType makes an event type unless it is there.
func eventType(t *testing.T, name string, with object) {
	t.Helper()
	body := object{"description": name}
	maps.Copy(body, with)
	call(t, http.MethodPut, "/event-type/"+name, body)
}

// receiver is the server of endpoints.
type receiver struct {
	*httptest.Server

	mu      sync.Mutex
	answers map[string]http.HandlerFunc // by path; others are answered 200
	got     map[string][]http.Header
	bodies  map[string][]string
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{answers: map[string]http.HandlerFunc{}, got: map[string][]http.Header{}, bodies: map[string][]string{}}
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) serve(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return // the sender gave up
	}
	r.mu.Lock()
	r.got[request.URL.Path] = append(r.got[request.URL.Path], request.Header)
	r.bodies[request.URL.Path] = append(r.bodies[request.URL.Path], string(body))
	answer := r.answers[request.URL.Path]
	r.mu.Unlock()
	if answer != nil {
		answer(w, request)
		return
	}
	_, _ = io.WriteString(w, `{"received":true}`)
}

// answer sets what deliveries to a path are answered from now on; nil: 200.
func (r *receiver) answer(path string, with http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers[path] = with
}

// fails makes a path answer 503.
func (r *receiver) fails(path string) {
	r.answer(path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"error":"the database is in maintenance"}`)
	})
}

// arrived is what came to a path: headers and bodies.
func (r *receiver) arrived(path string) ([]http.Header, []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got[path]), slices.Clone(r.bodies[path])
}
