package egress_test

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/egress"
	"github.com/postrider/postrider/shared/secret"
)

// forward is a forward proxy of HTTP or of SOCKS 5. It connects to one receiver,
// whatever it is asked for.
type forward struct {
	url      string
	roots    *x509.CertPool // of its certificate; nil for none
	receiver string         // host and port
	login    string         // user:password that it wants; empty for none
	answer   string         // to CONNECT, instead of a tunnel; empty for one
	reply    byte           // to SOCKS, instead of a tunnel; 0 for one

	mu    sync.Mutex
	asked []string
}

func (f *forward) note(target string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, target)
}

func (f *forward) heard() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

// pass joins two connections until either ends.
func (f *forward) pass(client net.Conn, rest io.Reader) {
	server, err := net.Dial("tcp", f.receiver)
	if err != nil {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(server, rest)
		_ = server.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(client, server)
	_ = client.Close()
	_ = server.Close()
	<-done
}

// ServeHTTP answers CONNECT, and tells of everything else.
func (f *forward) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		f.note(r.Method + " " + r.URL.String())
		return
	}
	f.note(r.Host)
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	user, password, _ := (&http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}).BasicAuth()
	switch {
	case f.answer != "":
		_, _ = io.WriteString(conn, f.answer)
	case f.login != "" && user+":"+password != f.login:
		_, _ = io.WriteString(conn, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
	default:
		_, _ = io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
		f.pass(conn, buffered)
	}
}

// serveSOCKS answers one connection. Whatever is wrong ends it.
func (f *forward) serveSOCKS(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	text := func() string {
		length, _ := in.ReadByte()
		buffer := make([]byte, length)
		_, _ = io.ReadFull(in, buffer)
		return string(buffer)
	}
	_, _ = in.Discard(1)
	methods := text()
	if f.login != "" {
		if !strings.Contains(methods, "\x02") {
			_, _ = conn.Write([]byte{5, 0xff})
			return
		}
		_, _ = conn.Write([]byte{5, 2})
		_, _ = in.Discard(1)
		if text()+":"+text() != f.login {
			_, _ = conn.Write([]byte{1, 1})
			return
		}
		_, _ = conn.Write([]byte{1, 0})
	} else {
		_, _ = conn.Write([]byte{5, 0})
	}
	head := make([]byte, 4)
	_, _ = io.ReadFull(in, head)
	var host string
	switch head[3] {
	case 3:
		host = text()
	default:
		raw := make([]byte, map[byte]int{1: 4, 4: 16}[head[3]])
		_, _ = io.ReadFull(in, raw)
		host = net.IP(raw).String()
	}
	port := make([]byte, 2)
	_, _ = io.ReadFull(in, port)
	f.note(net.JoinHostPort(host, fmt.Sprint(binary.BigEndian.Uint16(port))))
	_, _ = conn.Write([]byte{5, f.reply, 0, 3, 1, 'x', 0, 0})
	if f.reply == 0 {
		f.pass(conn, in)
	}
}

// start makes the proxy listen, and returns it as the product knows it.
func (f *forward) start(t *testing.T, scheme string) *egress.Proxy {
	t.Helper()
	if scheme == "socks5" {
		f.url = "socks5://" + f.listen(t)
	} else {
		server := httptest.NewUnstartedServer(f)
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		if scheme == "https" {
			server.StartTLS()
			f.roots = server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		} else {
			server.Start()
		}
		t.Cleanup(server.Close)
		f.url = server.URL
	}
	return f.proxy(t, f.login)
}

func (f *forward) proxy(t *testing.T, login string) *egress.Proxy {
	t.Helper()
	u, err := url.Parse(f.url)
	require.NoError(t, err)
	if user, password, ok := strings.Cut(login, ":"); ok {
		u.User = url.UserPassword(user, password)
	}
	p, err := egress.ParseProxy(secret.New(u.String()))
	require.NoError(t, err)
	p.Trust(f.roots)
	return p
}

// listen serves SOCKS until the test ends, and returns where.
func (f *forward) listen(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { f.serveSOCKS(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait()
	})
	return l.Addr().String()
}

// receiverAt starts a receiver and returns its address, and how often it was called.
func receiverAt(t *testing.T, start func(*httptest.Server)) (*httptest.Server, *x509.CertPool) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusTeapot)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	start(server)
	t.Cleanup(server.Close)
	if server.Certificate() == nil {
		return server, nil
	}
	return server, server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
}

// through returns the client of a policy that has the proxy.
func through(t *testing.T, proxy *egress.Proxy, roots *x509.CertPool, allow string, options ...egress.Option) *http.Client {
	t.Helper()
	transport := allowing(t, allow, append(options, egress.Through(proxy))...).Transport(egress.Pool{})
	transport.TLSClientConfig.RootCAs = roots
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

var schemes = []string{"http", "https", "socks5"}

// TestProxyTunnels sends through each kind of proxy, to http and to https, with
// and without a password.
func TestProxyTunnels(t *testing.T) {
	t.Parallel()
	for _, scheme := range schemes {
		for target, start := range map[string]func(*httptest.Server){
			"http://example.com/": (*httptest.Server).Start, "https://example.com/": (*httptest.Server).StartTLS,
		} {
			for _, login := range []string{"", "us er:p%ss:w"} {
				t.Run(scheme+" to "+target+" "+login, func(t *testing.T) {
					t.Parallel()
					receiver, roots := receiverAt(t, start)
					f := &forward{receiver: receiver.Listener.Addr().String(), login: login}
					c := through(t, f.start(t, scheme), roots, "")
					got, err := post(t, c, target)
					require.NoError(t, err)
					require.Equal(t, http.StatusTeapot, got.status)
					port := map[bool]string{true: ":443", false: ":80"}[roots != nil]
					require.Equal(t, []string{"example.com" + port}, f.heard())
					_, err = post(t, c, "http://8.8.8.8:8080/")
					if roots == nil {
						require.NoError(t, err)
					}
					require.Equal(t, "8.8.8.8:8080", f.heard()[1])
				})
			}
		}
	}
}

// TestProxyThatDoesNotHelp never goes without one that is away or does not want
// us, although the receiver could be reached; and it tells these from one that
// cannot reach the receiver, and from one that refuses it.
func TestProxyThatDoesNotHelp(t *testing.T) {
	t.Parallel()
	type kind string
	const (
		proxys      kind = "the proxy's fault"
		blocked     kind = "blocked"
		unreachable kind = "unreachable"
	)
	for name, tc := range map[string]struct {
		scheme string
		f      *forward
		login  string
		want   kind
	}{
		"no password":            {"http", &forward{login: "a:secret"}, "", proxys},
		"wrong password":         {"http", &forward{login: "a:b"}, "a:secret", proxys},
		"wrong password, secure": {"https", &forward{login: "a:b"}, "a:secret", proxys},
		"SOCKS, no password":     {"socks5", &forward{login: "a:secret"}, "", proxys},
		"SOCKS, wrong password":  {"socks5", &forward{login: "a:b"}, "a:secret", proxys},
		"forbidden":              {"http", &forward{answer: "HTTP/1.1 403 Forbidden\r\n\r\n"}, "", blocked},
		"Smokescreen's refusal":  {"http", &forward{answer: "HTTP/1.1 407 Request rejected by proxy\r\nX-Smokescreen-Error: no\r\n\r\n"}, "", blocked},
		"bad gateway":            {"http", &forward{answer: "HTTP/1.1 502 Bad Gateway\r\n\r\n"}, "", unreachable},
		"unavailable":            {"http", &forward{answer: "HTTP/1.1 503 Service Unavailable\r\n\r\n"}, "", unreachable},
		"not allowed":            {"http", &forward{answer: "HTTP/1.1 405 Method Not Allowed\r\n\r\n"}, "", proxys},
		"redirect":               {"http", &forward{answer: "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n"}, "", proxys},
		"garbage":                {"http", &forward{answer: "SSH-2.0-OpenSSH\r\n"}, "", proxys},
		"endless headers":        {"http", &forward{answer: "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20)}, "", proxys},
		"speaks first":           {"http", &forward{answer: "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"}, "", proxys},
		"SOCKS, by its rules":    {"socks5", &forward{reply: 2}, "", blocked},
		"SOCKS, no route":        {"socks5", &forward{reply: 3}, "", unreachable},
		"SOCKS, refused":         {"socks5", &forward{reply: 5}, "", unreachable},
		"SOCKS, no such command": {"socks5", &forward{reply: 7}, "", proxys},
		"SOCKS, general failure": {"socks5", &forward{reply: 1}, "", unreachable},
		"SOCKS, nothing like it": {"socks5", &forward{reply: 0x99}, "", proxys},
		"away":                   {"", &forward{url: "http://127.0.0.1:1"}, "a:secret", proxys},
		"away, secure":           {"", &forward{url: "https://127.0.0.1:1"}, "", proxys},
		"away, SOCKS":            {"", &forward{url: "socks5://127.0.0.1:1"}, "a:secret", proxys},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			receiver, _ := receiverAt(t, (*httptest.Server).Start)
			tc.f.receiver = "127.0.0.1:1"
			if tc.scheme != "" {
				tc.f.start(t, tc.scheme)
			}
			proxy := tc.f.proxy(t, tc.login)
			_, err := post(t, through(t, proxy, nil, loopback), receiver.URL)
			require.Error(t, err, "the receiver is not called without the proxy")
			require.NotContains(t, err.Error(), "secret")
			var fault *egress.ProxyError
			var refused *egress.BlockedError
			switch tc.want {
			case proxys:
				require.ErrorAs(t, err, &fault)
				require.NotContains(t, fault.Error(), "secret")
			case blocked:
				require.Equal(t, egress.ReasonAddress, reason(t, err))
			case unreachable:
				require.NotErrorAs(t, err, &fault)
				require.NotErrorAs(t, err, &refused)
			}
		})
	}
}

// TestProxyIsAskedForNothingHostile refuses here what can be seen without
// resolving a name: the proxy may be on a machine where localhost is something.
func TestProxyIsAskedForNothingHostile(t *testing.T) {
	t.Parallel()
	for _, scheme := range schemes {
		f := &forward{receiver: "127.0.0.1:1"}
		proxy := f.start(t, scheme)
		c := through(t, proxy, nil, "")
		for _, e := range table(t, "urls.txt") {
			if e.want == "" {
				continue
			}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.text, http.NoBody)
			if err != nil {
				continue
			}
			response, err := c.Do(r)
			if err == nil {
				_ = response.Body.Close()
			}
			require.Error(t, err, e.text)
			if e.want != egress.ReasonFragment { // which is not sent
				require.Empty(t, f.heard(), e.text)
			}
			f.asked = nil
		}
		_, err := post(t, c, strings.Replace(f.url, scheme, "http", 1))
		require.Equal(t, egress.ReasonAddress, reason(t, err), "the proxy's own address is no address for tenants")
		require.Empty(t, f.heard())
	}
}

// TestProxyResolve looks up names here, where each address that they have is
// judged, and asks the proxy for addresses only.
func TestProxyResolve(t *testing.T) {
	t.Parallel()
	answers := map[string][]string{
		"public.example.com":  {"203.0.114.1"},
		"private.example.com": {"10.0.0.1", "169.254.169.254", "fd00::1"},
		"mixed.example.com":   {"127.0.0.1", "203.0.114.2", "::1"},
	}
	for _, scheme := range schemes {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			receiver, _ := receiverAt(t, (*httptest.Server).Start)
			f := &forward{receiver: receiver.Listener.Addr().String()}
			proxy := f.start(t, scheme)
			proxy.Resolve = true
			r := resolver(t, func(name string, _ int) []string { return answers[name] })
			c := through(t, proxy, nil, "", egress.Resolving(r))
			for _, name := range []string{"public", "mixed"} {
				got, err := post(t, c, "http://"+name+".example.com:8080/")
				require.NoError(t, err)
				require.Equal(t, http.StatusTeapot, got.status)
			}
			require.Equal(t, []string{"203.0.114.1:8080", "203.0.114.2:8080"}, f.heard())
			_, err := post(t, c, "http://private.example.com/")
			require.Equal(t, egress.ReasonAddress, reason(t, err))
			_, err = post(t, c, "http://nowhere.example.com/")
			var missing *net.DNSError
			require.ErrorAs(t, err, &missing)
			require.Len(t, f.heard(), 2)
		})
	}
}

// TestProxyExcept dials some hosts without the proxy, and judges them as if there
// were none.
func TestProxyExcept(t *testing.T) {
	t.Parallel()
	receiver, _ := receiverAt(t, (*httptest.Server).Start)
	f := &forward{receiver: "127.0.0.1:1"}
	proxy := f.start(t, "http")
	var err error
	proxy.Except, err = egress.ParseHosts("localhost, 127.0.0.0/8, .inside.example.com, Alone.Example.com")
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(receiver.Listener.Addr().String())
	require.NoError(t, err)
	for _, host := range []string{"localhost", "127.0.0.1"} {
		got, err := post(t, through(t, proxy, nil, loopback), "http://"+host+":"+port+"/")
		require.NoError(t, err)
		require.Equal(t, http.StatusTeapot, got.status)
		_, err = post(t, through(t, proxy, nil, ""), "http://"+host+":"+port+"/")
		require.Equal(t, egress.ReasonAddress, reason(t, err))
	}
	require.Empty(t, f.heard())

	inside := egress.Resolving(resolver(t, func(string, int) []string { return []string{"127.0.0.1"} }))
	c := through(t, proxy, nil, loopback, inside)
	for host, direct := range map[string]bool{
		"a.inside.example.com": true, "b.A.inside.example.com": true, "alone.example.com": true, "alone.example.com.": true,
		"inside.example.com": false, "not-alone.example.com": false, "x.alone.example.com": false, "8.8.8.8": false,
	} {
		_, err := post(t, c, "http://"+host+":"+port+"/")
		require.Equal(t, direct, err == nil, "%s: %v", host, err)
	}
	require.Len(t, f.heard(), 4)
}

// TestProxyHangs waits for a tunnel no longer than the attempt may take, and
// leaves no connection behind.
func TestProxyHangs(t *testing.T) {
	t.Parallel()
	for _, scheme := range schemes {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			ended := make(chan error, 1)
			go func() {
				conn, err := l.Accept()
				if err == nil {
					_, err = io.Copy(io.Discard, conn)
					_ = conn.Close()
				}
				ended <- err
			}()
			f := &forward{url: scheme + "://" + l.Addr().String()}
			c := allowing(t, "", egress.Through(f.proxy(t, ""))).Client(egress.Pool{})
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://example.com/", http.NoBody)
			require.NoError(t, err)
			_, err = c.Do(r)             //nolint:bodyclose // there is no answer
			var fault *egress.ProxyError // it may say so first, where it has not even shaken hands
			require.True(t, errors.Is(err, context.DeadlineExceeded) || errors.As(err, &fault), "%v", err)
			require.NoError(t, <-ended)
			require.NoError(t, l.Close())
		})
	}
}

func TestParseProxy(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"http://proxy":                        "http://proxy:80",
		"https://user:hunter2@Proxy.example/": "https://Proxy.example:443",
		"socks5://user:hunter2@[::1]":         "socks5://[::1]:1080",
		"http://10.0.0.1:3128":                "http://10.0.0.1:3128",
	} {
		proxy, err := egress.ParseProxy(secret.New(raw))
		require.NoError(t, err)
		for _, form := range []string{"%s", "%v", "%+v", "%#v"} {
			require.Equal(t, want, fmt.Sprintf(form, proxy))
			require.NotContains(t, fmt.Sprintf(form, *proxy), "hunter2")
			require.NotContains(t, fmt.Sprintf(form, egress.NewPolicy(nil, egress.Through(proxy))), "hunter2")
		}
	}
	for raw, want := range map[string]string{
		"":                              "must be http://, https:// or socks5://",
		"proxy:3128":                    "must be http://, https:// or socks5://",
		"ftp://user:hunter2@proxy":      "must be http://, https:// or socks5://",
		"http://user:hunter2@":          "has no host",
		"http://user:hunter2@[::1":      "is not a URL",
		"http://user:hunter2@x/hunter2": "must end after the port",
		"http://x:99999":                "has no such port",
		"http://x:0":                    "has no such port",
		"socks5://u:" + strings.Repeat("hunter2", 50) + "@x": "has a user or a password of over 255 bytes, more than SOCKS can say",
	} {
		proxy, err := egress.ParseProxy(secret.New(raw))
		require.EqualError(t, err, want)
		require.Nil(t, proxy)
	}
}

func TestParseHosts(t *testing.T) {
	t.Parallel()
	_, err := egress.ParseHosts(" ")
	require.NoError(t, err)
	_, err = egress.ParseHosts("a b,.example.com,*.example.com,http://x,10.0.0.1/8,")
	for _, item := range []string{`"a b"`, `"*.example.com"`, `"http://x"`, `"10.0.0.1/8"`, `""`} {
		require.ErrorContains(t, err, item)
	}
}
