package deliver

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	oracle "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/deliver/account"
	"github.com/postrider/postrider/shared/directory"
	"github.com/postrider/postrider/shared/egress"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/signature"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// newCaller returns a caller that waits long enough for any machine.
func newCaller(t *testing.T, policy egress.Policy) *caller {
	t.Helper()
	return newCallerBy(t, policy, policy.Client(egress.Pool{}))
}

// newCallerBy returns one that calls endpoints without credentials with the client.
func newCallerBy(t *testing.T, policy egress.Policy, client *http.Client) *caller {
	t.Helper()
	t.Cleanup(client.CloseIdleConnections)
	return &caller{book: account.NewBook(policy, client), timeout: 30 * time.Second, agent: "Postrider/test"}
}

// receive starts a receiver.
func receive(t *testing.T, handle http.HandlerFunc) *httptest.Server {
	t.Helper()
	r := httptest.NewServer(handle)
	t.Cleanup(r.Close)
	return r
}

func at(url string) *directory.Endpoint {
	return &directory.Endpoint{Target: store.Target{ID: event.NewID(), URL: url}}
}

// plainly is a call without any secrets.
func plainly(url string) *store.Opened { return &store.Opened{URL: secret.New(url)} }

func (c *caller) try(t *testing.T, url string) attempt {
	t.Helper()
	return c.call(testkit.Context(t), at(url), plainly(url), &event.Delivery{Event: event.NewID()}, []byte("{}"))
}

// request is what a receiver got.
type request struct {
	*http.Request
	body []byte
}

// catch returns a receiver that answers 200 and passes on what it got.
func catch(t *testing.T) (*httptest.Server, <-chan request) {
	t.Helper()
	got := make(chan request, 100)
	return receive(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- request{r, body}
	}), got
}

// directoryWith returns the endpoint as the directory knows it, with real keys.
func directoryWith(t *testing.T, s *store.Store, tenant, endpoint event.ID) *directory.Endpoint {
	t.Helper()
	dir, err := directory.New(s, testkit.Log(t))
	require.NoError(t, err)
	e, err := dir.Endpoint(t.Context(), tenant, endpoint, 0)
	require.NoError(t, err)
	return e
}

// TestCallSigns has the standard's own library judge what arrives, with the key
// that the endpoint has and with the one that it had before.
func TestCallSigns(t *testing.T) {
	t.Parallel()
	r, got := catch(t)
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)
	id := testkit.Endpoint(t, s, tenant, r.URL+"/hook?a=b").ID
	before, err := s.CurrentKey(t.Context(), tenant, id)
	require.NoError(t, err)
	now := signature.GenerateKey()
	require.NoError(t, s.RotateKey(t.Context(), tenant, id, now, time.Hour))

	payload := []byte("{\"text\" :\t\"ä\\u00e4\x00\xff\"}\r\n ")
	d := &event.Delivery{Event: event.NewID(), Attempt: 1}
	e := directoryWith(t, s, tenant, id)
	with, err := e.Open()
	require.NoError(t, err)
	a := newCaller(t, testkit.Loopback()).call(testkit.Context(t), e, with, d, payload)
	require.Equal(t, Success, a.outcome)
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, r.URL+"/hook?a=b", a.url)

	q := <-got
	require.Equal(t, http.MethodPost, q.Method)
	require.Equal(t, "/hook?a=b", q.RequestURI)
	require.Equal(t, payload, q.body, "byte for byte")
	require.Equal(t, "application/json", q.Header.Get("Content-Type"))
	require.Equal(t, "Postrider/test", q.Header.Get("User-Agent"))
	require.EqualValues(t, len(payload), q.ContentLength)
	require.Empty(t, q.TransferEncoding)
	for _, family := range []string{"webhook", "svix"} {
		require.Equal(t, event.Message.Format(d.Event), q.Header.Get(family+"-id"))
		require.Equal(t, strconv.FormatInt(a.began.Unix(), 10), q.Header.Get(family+"-timestamp"))
		head := make(http.Header)
		for _, part := range []string{"id", "timestamp", "signature"} {
			require.Len(t, q.Header.Values(family+"-"+part), 1)
			head.Set("webhook-"+part, q.Header.Get(family+"-"+part))
		}
		for _, key := range []signature.Key{before, now} {
			judge, err := oracle.NewWebhook(key.Reveal())
			require.NoError(t, err)
			require.NoError(t, judge.Verify(payload, head))
			require.Error(t, judge.Verify(append(payload, ' '), head))
		}
	}
}

// TestCallOwnHeaders looks at the bytes on the wire, where case can be seen.
func TestCallOwnHeaders(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	wire := make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		buffer := make([]byte, 8192)
		n, _ := conn.Read(buffer)
		_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
		wire <- string(buffer[:n])
	}()
	e := at("http://" + l.Addr().String())
	with := plainly(e.URL)
	with.Headers = secret.HideAll(map[string]string{"x-lower": "one", "X-UPPER": "two", "Authorization": "Bearer it", "User-Agent": "somebody", "Content-Type": "text/plain"})
	a := newCaller(t, testkit.Loopback()).call(testkit.Context(t), e, with, &event.Delivery{Event: event.NewID()}, []byte("{}"))
	require.Equal(t, Success, a.outcome)
	got := <-wire
	for _, line := range []string{"x-lower: one", "X-UPPER: two", "Authorization: Bearer it", "User-Agent: Postrider/test", "Content-Type: application/json"} {
		require.Contains(t, got, "\r\n"+line+"\r\n")
	}
	require.NotContains(t, got, "somebody")
	require.NotContains(t, got, "text/plain")
}

func TestCallOutcomes(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]Outcome{
		200: Success, 204: Success, 400: Rejected, 410: Gone, 429: Throttled, 500: Rejected, 503: Throttled,
	} {
		r := receive(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "90")
			w.WriteHeader(status)
			if status != http.StatusNoContent {
				_, _ = io.WriteString(w, "why")
			}
		})
		a := newCaller(t, testkit.Loopback()).try(t, r.URL)
		require.Equal(t, want, a.outcome, "status %d", status)
		require.Equal(t, status, a.status)
		require.Equal(t, 90*time.Second, a.wish)
		require.Positive(t, a.duration)
		if status != http.StatusNoContent {
			require.Equal(t, "why", string(a.response))
		}
	}
}

func TestCallDoesNotFollowRedirects(t *testing.T) {
	t.Parallel()
	target, got := catch(t)
	for _, status := range []int{301, 302, 303, 307, 308} {
		r := receive(t, func(w http.ResponseWriter, q *http.Request) { http.Redirect(w, q, target.URL, status) })
		a := newCaller(t, testkit.Loopback()).try(t, r.URL)
		require.Equal(t, Redirected, a.outcome)
		require.Equal(t, status, a.status)
	}
	require.Empty(t, got)
}

// TestCallTimesOut bounds the whole of an attempt, whatever the receiver does to
// make it long.
func TestCallTimesOut(t *testing.T) {
	t.Parallel()
	const timeout = 300 * time.Millisecond
	for name, handle := range map[string]http.HandlerFunc{
		"no answer": func(_ http.ResponseWriter, q *http.Request) { <-q.Context().Done() },
		"no end": func(w http.ResponseWriter, q *http.Request) {
			_, _ = io.WriteString(w, "begun")
			_ = http.NewResponseController(w).Flush()
			<-q.Context().Done()
		},
		"drip": func(w http.ResponseWriter, q *http.Request) {
			for q.Context().Err() == nil {
				_, _ = io.WriteString(w, ".")
				_ = http.NewResponseController(w).Flush()
				time.Sleep(time.Millisecond)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := receive(t, func(w http.ResponseWriter, q *http.Request) {
				_, _ = io.Copy(io.Discard, q.Body) // or the server does not notice that the caller has gone
				handle(w, q)
			})
			c := newCaller(t, testkit.Loopback())
			c.timeout = timeout
			a := c.try(t, r.URL)
			require.Equal(t, Timeout, a.outcome)
			require.Zero(t, a.status, "an answer without its end is none")
			require.Equal(t, "no answer in time", string(a.response))
			require.GreaterOrEqual(t, a.duration, timeout)
			require.Less(t, a.duration, 20*time.Second)
		})
	}
}

// TestCallCutsLongAnswers reads a body without end, and one just too long.
func TestCallCutsLongAnswers(t *testing.T) {
	t.Parallel()
	var written atomic.Int64
	endless := receive(t, func(w http.ResponseWriter, q *http.Request) {
		for part := make([]byte, 1000); q.Context().Err() == nil; {
			n, err := w.Write(part)
			if written.Add(int64(n)); err != nil {
				return
			}
		}
	})
	a := newCaller(t, testkit.Loopback()).try(t, endless.URL)
	require.Equal(t, Success, a.outcome)
	require.Len(t, a.response, keptResponse)
	require.Less(t, written.Load(), int64(64<<20), "beyond what buffers on the way hold, nothing is taken")

	short := receive(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, keptResponse+100)) })
	require.Len(t, newCaller(t, testkit.Loopback()).try(t, short.URL).response, keptResponse)
}

func TestCallWithoutAReceiver(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	broken := receive(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	for name, tt := range map[string]struct {
		url  string
		want Outcome
	}{
		"refused":           {closed.URL, Connection},
		"breaks off":        {broken.URL, Connection},
		"untrusted":         {secure.URL, TLS},
		"not secure":        {"https" + broken.URL[len("http"):], TLS},
		"no URL":            {"http://[", Connection},
		"not to be dialled": {"http://10.1.2.3/", Blocked},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newCaller(t, testkit.Loopback()).try(t, tt.url)
			require.Equal(t, tt.want, a.outcome)
			require.Zero(t, a.status)
			require.Equal(t, tt.want.explain(), string(a.response))
		})
	}
}

// TestCallWithABadName calls a receiver whose certificate is one to trust, and not
// one for the name that it is called by.
func TestCallWithABadName(t *testing.T) {
	t.Parallel()
	r := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	r.Config.ErrorLog = log.New(io.Discard, "", 0)
	r.StartTLS()
	t.Cleanup(r.Close)
	transport := testkit.Loopback().Transport(egress.Pool{})
	transport.TLSClientConfig.RootCAs = r.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	t.Cleanup(transport.CloseIdleConnections)
	c := newCaller(t, testkit.Loopback())
	c.book = account.NewBook(testkit.Loopback(), &http.Client{Transport: transport})
	require.Equal(t, Success, c.try(t, r.URL).outcome)
	a := c.try(t, strings.Replace(r.URL, "127.0.0.1", "localhost", 1))
	require.Equal(t, TLS, a.outcome)
	require.Equal(t, "no secure connection could be made", string(a.response))
}

// TestCallBlockedIsNotDialled counts connections at an address that may not be
// dialled, and makes sure that it could have been.
func TestCallBlockedIsNotDialled(t *testing.T) {
	t.Parallel()
	var connections atomic.Int32
	r := httptest.NewUnstartedServer(http.NotFoundHandler())
	r.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	r.Start()
	defer r.Close()
	a := newCaller(t, egress.Policy{}).try(t, r.URL)
	require.Equal(t, Blocked, a.outcome)
	require.Equal(t, "the address of this endpoint may not be delivered to", string(a.response))
	require.Zero(t, connections.Load())
	require.Equal(t, Rejected, newCaller(t, testkit.Loopback()).try(t, r.URL).outcome)
	require.EqualValues(t, 1, connections.Load())
}

// TestCallWithoutItsProxy has a proxy that is away, and a receiver that could be
// reached without it.
func TestCallWithoutItsProxy(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	proxy, err := egress.ParseProxy(secret.New("http://user:password@" + closed.Listener.Addr().String()))
	require.NoError(t, err)
	r, got := catch(t)
	a := newCaller(t, testkit.Loopback(egress.Through(proxy))).try(t, r.URL)
	require.Equal(t, Proxy, a.outcome)
	require.False(t, a.outcome.Final(), "the proxy will be back")
	require.False(t, a.outcome.Failing(), "it says nothing of the endpoint")
	require.Equal(t, "the proxy of this installation could not be used", string(a.response))
	require.Empty(t, got, "nobody goes without it")
}

// TestCallEndsWithItsContext cuts an attempt off as a drain that took too long
// does.
func TestCallEndsWithItsContext(t *testing.T) {
	t.Parallel()
	began := make(chan struct{})
	r := receive(t, func(_ http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body)
		close(began)
		<-q.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-began
		cancel()
	}()
	a := newCaller(t, testkit.Loopback()).call(ctx, at(r.URL), plainly(r.URL), &event.Delivery{Event: event.NewID()}, nil)
	require.False(t, a.outcome.Final(), "it may be tried again: %s", a.outcome)
}
