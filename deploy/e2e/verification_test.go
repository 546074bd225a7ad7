package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/signature"
	"github.com/postrider/postrider/shared/testkit"
)

// candidate is a receiver that answers challenges once it is told its key, and what
// it got.
type candidate struct {
	*httptest.Server

	mu         sync.Mutex
	verifier   signature.Verifier
	challenges []string
	taken      []string // messages, in order
}

func newCandidate(t *testing.T) *candidate {
	t.Helper()
	c := &candidate{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		var envelope struct {
			Type string
			Data struct{ Challenge string }
		}
		_ = json.Unmarshal(body, &envelope)
		c.mu.Lock()
		defer c.mu.Unlock()
		if envelope.Type != "endpoint.verification" {
			c.taken = append(c.taken, q.Header.Get("webhook-id"))
			return
		}
		c.challenges = append(c.challenges, envelope.Data.Challenge)
		if err := c.verifier.Verify(q.Header, body, time.Now()); err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = fmt.Fprintf(w, `{"response":%q}`, c.verifier.Answer(envelope.Data.Challenge))
	}))
	t.Cleanup(c.Close)
	return c
}

// learn tells it the key of its endpoint.
func (c *candidate) learn(t *testing.T, key string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	c.verifier, err = signature.NewVerifier(signature.DefaultTolerance, key)
	require.NoError(t, err)
}

// got returns what it has taken, and the challenges.
func (c *candidate) got() (taken, challenges []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string{}, c.taken...), append([]string{}, c.challenges...)
}

// verify has an endpoint asked, and returns what came of it.
func (c *client) verify(t *testing.T, endpoint string) (state, reason any) {
	t.Helper()
	c.must(t, http.StatusAccepted, http.MethodPost, endpoint+"/verify", nil)
	var v map[string]any
	testkit.Eventually(t, func() bool {
		v = c.must(t, http.StatusOK, http.MethodGet, endpoint, nil)["verification"].(map[string]any)
		return v["state"] != "pending"
	}, "the challenge ends")
	return v["state"], v["reason"]
}

// testVerification posts to an endpoint that has to be verified: nothing arrives
// before it has answered as whoever has its key, and then everything, in order.
func testVerification(t *testing.T, s system) {
	t.Helper()
	c, r := s.client(t), newCandidate(t)
	c.must(t, http.StatusCreated, http.MethodPost, "/app", map[string]any{"name": "verification", "uid": "verification"})
	made := c.must(t, http.StatusCreated, http.MethodPost, "/app/verification/endpoint", map[string]any{"url": r.URL, "verify": true, "ordered": true})
	endpoint := "/app/verification/endpoint/" + made["id"].(string)
	var posted []string
	for n := range 10 {
		posted = append(posted, c.post(t, "verification", map[string]any{"n": n}))
	}
	state, reason := c.verify(t, endpoint)
	require.Equal(t, []any{"failed", "rejected"}, []any{state, reason}, "it does not know its key")
	posted = append(posted, c.post(t, "verification", map[string]any{"n": 10}))

	r.learn(t, c.must(t, http.StatusOK, http.MethodGet, endpoint+"/secret", nil)["key"].(string))
	taken, challenges := r.got()
	require.Empty(t, taken)
	require.Len(t, challenges, 1)
	state, reason = c.verify(t, endpoint)
	require.Equal(t, []any{"verified", nil}, []any{state, reason})
	testkit.Eventually(t, func() bool { taken, _ = r.got(); return len(taken) == len(posted) }, "what waited arrives")
	require.Equal(t, posted, taken)
	_, challenges = r.got()
	require.Len(t, challenges, 2)
	require.NotEqual(t, challenges[0], challenges[1])
}
