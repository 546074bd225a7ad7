package egress_test

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/egress"
)

const loopback = "127.0.0.0/8,::1"

// refuseTo returns a dial function that notes the address and fails with err.
func refuseTo(dialled *[]string, err error) func(context.Context, string, string) (net.Conn, error) {
	return func(_ context.Context, _, address string) (net.Conn, error) {
		*dialled = append(*dialled, address)
		return nil, err
	}
}

// client returns the policy's client, closed at the end of the test.
func client(t *testing.T, p egress.Policy) *http.Client {
	t.Helper()
	c := p.Client(egress.Pool{})
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// answer is what the tests look at in a response.
type answer struct {
	status, proto int
	tls           uint16
}

// post sends a body and reads the response to its end.
func post(t *testing.T, c *http.Client, target string) (answer, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader("{}"))
	require.NoError(t, err)
	response, err := c.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	got := answer{status: response.StatusCode, proto: response.ProtoMajor}
	if response.TLS != nil {
		got.tls = response.TLS.Version
	}
	_, err = io.Copy(io.Discard, response.Body)
	return got, err
}

func TestControl(t *testing.T) {
	t.Parallel()
	p := allowing(t, "10.1.0.0/16")
	for name, tc := range map[string]struct {
		network, address string
		want             egress.Reason
	}{
		"public":                   {"tcp4", "8.8.8.8:443", ""},
		"public IPv6":              {"tcp6", "[2606:4700:4700::1111]:443", ""},
		"allowed":                  {"tcp4", "10.1.2.3:22", ""},
		"private":                  {"tcp4", "10.2.0.1:443", egress.ReasonAddress},
		"metadata":                 {"tcp4", "169.254.169.254:80", egress.ReasonAddress},
		"zone":                     {"tcp6", "[fe80::1%lo]:443", egress.ReasonAddress},
		"port":                     {"tcp4", "8.8.8.8:25", egress.ReasonPort},
		"port zero":                {"tcp4", "8.8.8.8:0", egress.ReasonAddress},
		"name":                     {"tcp4", "example.com:443", egress.ReasonAddress},
		"no port":                  {"tcp4", "8.8.8.8", egress.ReasonAddress},
		"nothing":                  {"tcp4", "", egress.ReasonAddress},
		"socket":                   {"unix", "/var/run/docker.sock", egress.ReasonAddress},
		"public over UDP":          {"udp4", "8.8.8.8:443", egress.ReasonAddress},
		"public with open network": {"tcp", "8.8.8.8:443", egress.ReasonAddress},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, reason(t, p.Control(t.Context(), tc.network, tc.address, nil)))
		})
	}
}

func TestClientDialsByPolicy(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	byName := "http://localhost:" + port + "/"

	_, err = post(t, client(t, egress.Policy{}), byName)
	require.Equal(t, egress.ReasonAddress, reason(t, err))
	requireSilent(t, err)
	_, err = post(t, client(t, egress.Policy{}), server.URL)
	require.Equal(t, egress.ReasonAddress, reason(t, err))
	require.Zero(t, calls.Load())

	for _, target := range []string{byName, server.URL} {
		got, err := post(t, client(t, allowing(t, loopback)), target)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, got.status)
	}
	require.EqualValues(t, 2, calls.Load())
}

func TestClientFollowsNoRedirect(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		server := httptest.NewServer(http.RedirectHandler("http://169.254.169.254/latest/", status))
		t.Cleanup(server.Close)
		got, err := post(t, client(t, allowing(t, loopback)), server.URL)
		require.NoError(t, err)
		require.Equal(t, status, got.status)
	}
}

func TestClientDoesNotUnpack(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Asked-For", r.Header.Get("Accept-Encoding"))
		w.Header().Set("Content-Encoding", "gzip")
		packed := gzip.NewWriter(w)
		_, _ = packed.Write(make([]byte, 1<<20))
		_ = packed.Close()
	}))
	t.Cleanup(server.Close)
	response, err := client(t, allowing(t, loopback)).Get(server.URL)
	require.NoError(t, err)
	defer response.Body.Close()
	size, err := io.Copy(io.Discard, response.Body)
	require.NoError(t, err)
	require.Less(t, size, int64(1<<14))
	require.Empty(t, response.Header.Get("Asked-For"))
}

func TestClientBoundsHeaders(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*httptest.Server){
		"HTTP/1": (*httptest.Server).Start, "HTTP/2": (*httptest.Server).StartTLS,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, c := newServer(t, start, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Big", strings.Repeat("x", 40<<10))
			})
			_, err := post(t, c, server.URL)
			require.Error(t, err)
		})
	}
}

// TestClientBoundsUnreadBodies lets a receiver send without end over HTTP/2,
// where what arrives is held until it is read, and reads none of it.
func TestClientBoundsUnreadBodies(t *testing.T) {
	t.Parallel()
	sent := make(chan int, 1)
	server, c := newServer(t, (*httptest.Server).StartTLS, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
		var total int
		for total < 8<<20 {
			n, err := w.Write(make([]byte, 16<<10))
			total += n
			if err != nil {
				break
			}
		}
		sent <- total
	})
	response, err := c.Get(server.URL)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, 2, response.ProtoMajor)
	require.LessOrEqual(t, <-sent, 256<<10)
}

func TestClientSpeaksHTTP2(t *testing.T) {
	t.Parallel()
	server, c := newServer(t, (*httptest.Server).StartTLS, func(http.ResponseWriter, *http.Request) {})
	got, err := post(t, c, server.URL)
	require.NoError(t, err)
	require.Equal(t, 2, got.proto)
	require.GreaterOrEqual(t, got.tls, uint16(tls.VersionTLS12))
}

func TestClientRefusesOldTLS(t *testing.T) {
	t.Parallel()
	server, c := newServer(t, func(s *httptest.Server) {
		s.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
		s.StartTLS()
	}, func(http.ResponseWriter, *http.Request) {})
	_, err := post(t, c, server.URL)
	require.ErrorContains(t, err, "tls: ")
}

// newServer starts a server whose certificate the returned client trusts.
func newServer(t *testing.T, start func(*httptest.Server), handle http.HandlerFunc) (*httptest.Server, *http.Client) {
	t.Helper()
	server := httptest.NewUnstartedServer(handle)
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	start(server)
	t.Cleanup(server.Close)
	transport := allowing(t, loopback).Transport(egress.Pool{})
	if server.Certificate() != nil {
		trusted, ok := server.Client().Transport.(*http.Transport)
		require.True(t, ok)
		transport.TLSClientConfig.RootCAs = trusted.TLSClientConfig.RootCAs
	}
	t.Cleanup(transport.CloseIdleConnections)
	return server, &http.Client{Transport: transport}
}

// closing notes that it was closed.
type closing struct {
	io.Reader
	closed atomic.Bool
}

func (c *closing) Close() error {
	c.closed.Store(true)
	return nil
}

func TestClientHTTPSOnly(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	t.Cleanup(server.Close)
	c := client(t, allowing(t, loopback, egress.HTTPSOnly(true)))

	body := &closing{Reader: strings.NewReader("{}")}
	_, err := c.Post(server.URL, "application/json", body) //nolint:bodyclose // there is no answer
	require.Equal(t, egress.ReasonHTTPSOnly, reason(t, err))
	require.True(t, body.closed.Load())
	_, err = c.Get(server.URL) //nolint:bodyclose // there is no answer
	require.Equal(t, egress.ReasonHTTPSOnly, reason(t, err))
	require.Zero(t, calls.Load())

	secure, _ := newServer(t, (*httptest.Server).StartTLS, func(http.ResponseWriter, *http.Request) {})
	_, err = post(t, c, secure.URL)
	var untrusted *tls.CertificateVerificationError
	require.ErrorAs(t, err, &untrusted, "https is dialled")
}

func TestTransportSettings(t *testing.T) {
	t.Parallel()
	transport := egress.Policy{}.Transport(egress.Pool{Idle: 7, IdlePerHost: 3})
	require.Nil(t, transport.Proxy)
	require.Equal(t, 7, transport.MaxIdleConns)
	require.Equal(t, 3, transport.MaxIdleConnsPerHost)
	transport = egress.Policy{}.Transport(egress.Pool{})
	require.Positive(t, transport.MaxIdleConns, "0 would mean no bound")
	require.Positive(t, transport.MaxIdleConnsPerHost)
}

// TestErrorsStaySilent looks at the whole text of an error for what a name
// resolved to. The URL in it is the tenant's own.
func TestErrorsStaySilent(t *testing.T) {
	t.Parallel()
	_, err := post(t, client(t, egress.Policy{}), "http://localhost:8080/")
	var whole *url.Error
	require.ErrorAs(t, err, &whole)
	var opError *net.OpError
	require.NotErrorAs(t, err, &opError)
	requireSilent(t, err)
}
