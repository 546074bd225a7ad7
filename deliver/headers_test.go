package deliver

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/postrider/postrider/shared/egress"
	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// TestKeepHeaders: what was sent and answered is kept of those attempts that the
// setting names, and nothing of it that is secret.
func TestKeepHeaders(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		keep   keeping
		status int
		kept   bool
	}{
		{keepFailed, 500, true}, {keepFailed, 204, false}, {keepAll, 204, true}, {keepNone, 500, false},
	} {
		t.Run(fmt.Sprint(test.keep, test.status), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			got := make(chan http.Header, 10)
			r := receive(t, func(w http.ResponseWriter, r *http.Request) {
				got <- r.Header
				w.Header()["X-Request-Id"] = []string{"one", "two"}
				w.Header().Set("Set-Cookie", "id=answer-secret")
				w.Header().Set("Date", "today")
				w.WriteHeader(test.status)
			})
			d := w.delivery(strings.Replace(r.URL, "://", "://user:url-secret@", 1), func(e *store.Endpoint) {
				e.Headers = secret.HideAll(map[string]string{"x-own": "own-secret"})
			})
			w.startWith(testkit.Loopback(), "none", func(s *Stage) { s.KeepHeaders = string(test.keep) })
			w.publish(d)
			w.acknowledged(0)
			attempts := w.attempts()
			require.Len(t, attempts, 1)
			h, err := w.store.AttemptHeaders(t.Context(), d.Tenant, d.Event, attempts[0].ID)
			require.NoError(t, err)
			arrived := <-got
			require.Equal(t, "own-secret", arrived.Get("X-Own"))
			require.NotEmpty(t, arrived.Get("Authorization"))
			if !test.kept {
				require.Nil(t, h)
				return
			}
			require.Equal(t, []string{"Authorization", "x-own"}, h.Hidden)
			for _, name := range []string{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature", "Svix-Id", "Content-Type", "User-Agent"} {
				require.NotEmpty(t, h.Sent[name], name)
				require.Equal(t, arrived.Get(name), h.Sent[name], name)
			}
			require.NotContains(t, h.Sent, "x-own")
			require.Subset(t, h.Answered, []store.Header{{"Date", "today"}, {"Set-Cookie", mask}, {"X-Request-Id", "one"}, {"X-Request-Id", "two"}})
			require.False(t, h.Cut)
			stored := testkit.Value[string](t, w.database, `SELECT headers::text FROM attempts`)
			require.NotContains(t, stored, "secret")
		})
	}
}

// TestHeadersOfWhatFails: what was sent is kept if there is somebody who may have got
// it, and what was answered even if the answer had no end.
func TestHeadersOfWhatFails(t *testing.T) {
	t.Parallel()
	away, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, away.Close())
	endless := receive(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Begun", "yes")
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	hangsUp := receive(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	plain := newCaller(t, testkit.Loopback())
	hasty := newCaller(t, testkit.Loopback())
	hasty.timeout = time.Second
	strict := newCaller(t, egress.Policy{})

	for url, c := range map[string]*caller{
		"http://" + away.Addr().String(): plain, "http://nobody.invalid": plain, strings.Replace(hangsUp.URL, "http:", "https:", 1): plain, hangsUp.URL: strict,
	} {
		a := c.try(t, url)
		require.NotEqual(t, Success, a.outcome, url)
		require.Nil(t, a.headers(nil), "%s: %s", url, a.outcome)
	}
	a := plain.try(t, hangsUp.URL)
	require.Equal(t, Connection, a.outcome)
	h := a.headers(nil)
	require.NotEmpty(t, h.Sent["Webhook-Id"])
	require.Nil(t, h.Answered)

	for h == nil || h.Answered == nil { // a machine may be so busy that a second is over before anything came
		a = hasty.try(t, endless.URL)
		require.Equal(t, Timeout, a.outcome)
		h = a.headers(nil)
		hasty.timeout *= 2
	}
	require.Contains(t, h.Answered, store.Header{"X-Begun", "yes"})
}

// TestHeadersOfChallenge: a success that turns out to be none is a failure.
func TestHeadersOfChallenge(t *testing.T) {
	t.Parallel()
	a := newCaller(t, testkit.Loopback()).try(t, receive(t, func(http.ResponseWriter, *http.Request) {}).URL)
	require.False(t, keepFailed.wants(a.outcome))
	a.judge(plainly("http://x.example"), []byte(`{"challenge":"c"}`))
	require.Equal(t, WrongReply, a.outcome)
	require.True(t, keepFailed.wants(a.outcome))
}

// TestHostileHeaders has a receiver answer with bytes that no server would let a
// handler send, and the database take what is kept of them.
func TestHostileHeaders(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("y", keptHeaderBytes)
	r := receive(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 500 Oh\r\nConnection: close\r\n"+
			"X-Bytes: a\xff\xc3(\xed\xa0\x80b\r\n"+
			"X-Controls: a\u0085\u009bb\r\n"+
			"X-Turned: \u202eab\u2066\u200b\ufeff\r\n"+
			"X-!#$%&'*+-.^_`|~: {{.}}<script>alert(1)</script>\\u0000\"'\r\n"+
			"A-Long: "+long+"\r\n"+
			"x-api-key: answer-secret\r\nSET-COOKIE2: answer-secret\r\n\r\n")
	})
	w := newWorld(t)
	d := w.delivery(r.URL)
	w.startWith(testkit.Loopback(), "none")
	w.publish(d)
	w.acknowledged(0)
	attempts := w.attempts()
	require.Len(t, attempts, 1)
	require.Equal(t, string(Rejected), attempts[0].Outcome)
	h, err := w.store.AttemptHeaders(t.Context(), d.Tenant, d.Event, attempts[0].ID)
	require.NoError(t, err)
	require.ElementsMatch(t, []store.Header{
		{"Set-Cookie2", mask},
		{"X-!#$%&'*+-.^_`|~", `{{.}}<script>alert(1)</script>\u0000"'`},
		{"X-Api-Key", mask},
		{"X-Bytes", "a\ufffd\ufffd(\ufffd\ufffd\ufffdb"},
		{"X-Controls", "a\ufffd\ufffdb"},
		{"X-Turned", "\ufffdab\ufffd\ufffd\ufffd"},
	}, h.Answered)
	require.True(t, h.Cut, "for what was too long; what followed it is there")
}

// TestAnsweredWith: whatever is answered, what is kept of it is bounded, whole, and
// something that the database takes.
func TestAnsweredWith(t *testing.T) {
	t.Parallel()
	text := rapid.OneOf(
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 40), func(b []byte) string { return string(b) }),
		rapid.Map(rapid.IntRange(0, 3000), func(n int) string { return strings.Repeat("\x00", n) }),
	)
	rapid.Check(t, func(t *rapid.T) {
		h := http.Header(rapid.MapOfN(text, rapid.SliceOfN(text, 0, 5), 0, 100).Draw(t, "headers"))
		kept, cut := answeredWith(h)
		var size, all int
		for _, header := range kept {
			size += len(header[0]) + len(header[1])
			for _, part := range header {
				require.True(t, utf8.ValidString(part))
				require.NotContains(t, part, "\x00")
				require.False(t, strings.ContainsFunc(part, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }))
			}
			require.True(t, slices.ContainsFunc(slices.Collect(maps.Keys(h)), func(name string) bool {
				return harmless(name) == header[0] && (header[1] == mask || slices.ContainsFunc(h[name], func(value string) bool { return harmless(value) == header[1] }))
			}), "%q", header)
		}
		for _, values := range h {
			all += len(values)
		}
		require.LessOrEqual(t, size, keptHeaderBytes)
		require.LessOrEqual(t, len(kept), keptHeaders)
		require.Equal(t, len(kept) < all, cut)
		stored, err := json.Marshal(kept)
		require.NoError(t, err)
		require.NotContains(t, string(stored), `\u0000`, "PostgreSQL has no text with that")
	})
}
