package e2e

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/testkit"
)

// testCredentials has a receiver with a certificate of a private authority that wants
// a client certificate, an access token that has not been revoked, and a header.
func testCredentials(t *testing.T, s system) {
	t.Helper()
	c := s.client(t)
	var asked atomic.Int64
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, hidden, _ := r.BasicAuth(); hidden != "client-secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"token-%d","expires_in":3600}`, asked.Add(1))
	}))
	t.Cleanup(tokens.Close)

	servers, clients := testkit.NewAuthority(t, "servers"), testkit.NewAuthority(t, "clients")
	var mu sync.Mutex
	taken := make(map[string]int) // by message
	r := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body)
		switch {
		case q.Header.Get("Authorization") == "Bearer token-1": // revoked
			w.WriteHeader(http.StatusUnauthorized)
		case q.Header.Get("Authorization") != "Bearer token-2", q.Header.Get("X-Api-Key") != "header secret",
			q.TLS.PeerCertificates[0].Subject.CommonName != "postrider":
			w.WriteHeader(http.StatusForbidden)
		default:
			mu.Lock()
			defer mu.Unlock()
			taken[q.Header.Get("webhook-id")]++
		}
	}))
	r.Config.ErrorLog = log.New(io.Discard, "", 0)
	r.TLS = &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*servers.Issue(t, "receiver")},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients.Pool(),
	}
	r.StartTLS()
	t.Cleanup(r.Close)

	endpoint := "/app/credentials/endpoint/" + c.application(t, "credentials", r.URL+"/hook")[0]
	c.must(t, 204, "PUT", endpoint+"/headers", map[string]any{"headers": map[string]any{"X-Api-Key": "header secret"}})
	c.must(t, 204, "PUT", endpoint+"/mtls", map[string]any{"identity": testkit.IdentityPEM(t, clients.Issue(t, "postrider"))})
	c.must(t, 204, "PUT", endpoint+"/ca", map[string]any{"cert": servers.PEM()})
	c.must(t, 204, "PUT", endpoint+"/oauth", map[string]any{
		"grantType": "clientCredentials", "authMethod": "clientSecretBasic", "clientId": "me", "clientSecret": "client-secret", "tokenUrl": tokens.URL,
	})

	first := c.post(t, "credentials", map[string]any{"n": 1})
	testkit.Eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return taken[first] == 1 }, "the message arrives with a token that is good")
	for n := range 10 {
		id := c.post(t, "credentials", map[string]any{"n": n})
		testkit.Eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return taken[id] == 1 }, "another message")
	}
	require.EqualValues(t, 2, asked.Load(), "a token serves all, and was thrown away once")
	require.Equal(t, map[string]any{"headers": map[string]any{}, "sensitive": []any{"X-Api-Key"}}, c.must(t, 200, "GET", endpoint+"/headers", nil))
}
