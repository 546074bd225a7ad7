package api_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	tokens "github.com/postrider/postrider/shared/token"
)

// counted are keys that count who asks for them.
type counted struct {
	store *store.Store
	asked atomic.Int64
}

func (c *counted) APIKey(ctx context.Context, key tokens.Key) (*store.APIKey, error) {
	c.asked.Add(1)
	return c.store.UseAPIKey(ctx, key.ID, key.Digest[:])
}

func (*counted) Forget(event.ID) {}

// TestWrongTokens: who brings too many is not looked at any more, at the cost of no
// query, while those who were right before go on, and others come in.
func TestWrongTokens(t *testing.T) {
	t.Parallel()
	var keys counted
	var limited atomic.Int64
	w := start(t, withSecret, func(c *api.Config) {
		keys.store, c.Keys, c.FailedLogins = c.Store, &keys, 5
		c.Client = func(r *http.Request) netip.Prefix { return netip.MustParsePrefix(r.Header.Get("Test-Client")) }
		c.Limited = func(l api.Limit) {
			require.Equal(t, api.LimitLogins, l)
			limited.Add(1)
		}
	})
	const here, there = "Test-Client:192.0.2.1/32", "Test-Client:192.0.2.2/32"
	key := w.must(t, 201, "POST", "/api-key", `{"name":"k","scopes":["admin"]}`, here).body["token"].(string)
	w.must(t, 200, "GET", "/app", "", here, "Authorization:Bearer "+key)
	before := keys.asked.Load()
	for range 5 {
		w.must(t, 401, "GET", "/app", "", here, "Authorization:Bearer "+newKeyText())
	}
	require.EqualValues(t, 5, keys.asked.Load()-before)
	for i, bearer := range []string{newKeyText(), "wrong", "", key + "x"} {
		a := w.exchange(t, "GET", "/app", "", here, "Authorization:Bearer "+bearer)
		if bearer == "" {
			require.Equal(t, 401, a.status, "no token is no guess")
			continue
		}
		a.requireCode(t, 429, "too_many_requests")
		wait, err := strconv.Atoi(a.header.Get("Retry-After"))
		require.NoError(t, err)
		require.True(t, wait >= 1 && wait <= 12, "%d: %d", i, wait)
	}
	require.EqualValues(t, 5, keys.asked.Load()-before, "what is not looked at costs no query")
	require.EqualValues(t, 3, limited.Load())
	w.must(t, 200, "GET", "/app", "", here)
	w.must(t, 200, "GET", "/app", "", here, "Authorization:Bearer "+key)
	w.must(t, 200, "GET", "/app", "", there)
	w.must(t, 401, "GET", "/app", "", there, "Authorization:Bearer "+newKeyText())

	w.must(t, 204, "DELETE", "/api-key/"+key[:strings.LastIndexByte(key, '_')], "", there)
	w.must(t, 401, "GET", "/app", "", here, "Authorization:Bearer "+key)
	w.must(t, 429, "GET", "/app", "", here, "Authorization:Bearer "+key)
}

// TestRateLimits: a key, and all tokens of an application together, may come so
// often; every answer says how they stand, and operators are not counted.
func TestRateLimits(t *testing.T) {
	t.Parallel()
	var limited atomic.Int64
	w := start(t, withSecret, func(c *api.Config) {
		c.KeyRate, c.MemberRate = 2, 1
		c.Limited = func(api.Limit) { limited.Add(1) }
	})
	a, b := w.app(t, `{"name":"a"}`), w.app(t, `{"name":"b"}`)
	one, two, other := w.member(t, a, ""), w.member(t, a, ""), w.member(t, b, "")
	key := w.must(t, 201, "POST", "/api-key", `{"name":"k","scopes":["admin"]}`).body["token"].(string)
	exhaust := func(path string, burst int, bearers ...string) {
		t.Helper()
		began := time.Now()
		var last answer
		for i := range 1000 {
			last = w.sendAs(t, bearers[i%len(bearers)], "GET", path, "")
			require.Equal(t, strconv.Itoa(burst), last.header.Get("RateLimit-Limit"))
			if last.status == http.StatusTooManyRequests {
				break
			}
			require.Equal(t, 200, last.status, last.text)
			left, err := strconv.Atoi(last.header.Get("RateLimit-Remaining"))
			require.NoError(t, err)
			require.GreaterOrEqual(t, left, burst-1-i, "they are counted one by one")
			most := float64(burst) + float64(burst)/2*time.Since(began).Seconds()
			require.LessOrEqual(t, float64(i), most, "no more than the rate")
		}
		last.requireCode(t, 429, "too_many_requests")
		require.Equal(t, "1", last.header.Get("Retry-After"))
		require.Equal(t, "0", last.header.Get("RateLimit-Remaining"))
		require.Equal(t, "2", last.header.Get("RateLimit-Reset"))
	}
	exhaust("/app/"+a, 2, one, two)
	exhaust("/app", 4, key)
	require.EqualValues(t, 2, limited.Load())
	w.must(t, 200, "GET", "/app/"+b, "", "Authorization:Bearer "+other)
	for range 20 {
		require.Empty(t, w.must(t, 200, "GET", "/app", "").header.Get("RateLimit-Limit"))
	}
}

// TestSlowBodies: who announces a body and does not send it takes no room from
// others, and is answered at once where the body is not wanted.
func TestSlowBodies(t *testing.T) {
	t.Parallel()
	w := start(t)
	app := w.app(t, `{"name":"a"}`)
	post := func(bearer string, length int) net.Conn {
		t.Helper()
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(w.url, "http://"))
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		require.NoError(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
		_, err = fmt.Fprintf(conn, "POST /api/v1/app/%s/msg HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n{", app, bearer, length)
		require.NoError(t, err)
		return conn
	}
	for range 20 {
		answer, err := http.ReadResponse(bufio.NewReader(post("wrong", 200_000)), nil)
		require.NoError(t, err)
		require.Equal(t, 401, answer.StatusCode)
		require.True(t, answer.Close)
		_, err = io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
	}
	for range 200 { // twice as much as there is room for all bodies
		post(token, 1<<20)
	}
	w.message(t, app, `{"eventType":"a","payload":{"text":"`+strings.Repeat("a", 900_000)+`"}}`)
}
