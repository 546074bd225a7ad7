package egress

import (
	"bytes"
	"errors"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/secret"
)

// script is a connection to somebody who says what was written down before.
type script struct {
	net.Conn

	lines *bytes.Reader
	heard bytes.Buffer
}

func (s *script) Read(b []byte) (int, error)  { return s.lines.Read(b) }
func (s *script) Write(b []byte) (int, error) { return s.heard.Write(b) }

// FuzzProxyAnswer listens to proxies that say anything. What is no tunnel has one
// of the known faults, and none of a tunnel's own bytes is swallowed.
func FuzzProxyAnswer(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nearly", "HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n",
		"HTTP/1.1 407 No\r\nX-Smokescreen-Error: a\r\n\r\n", "HTTP/1.0 502 \n\n", "\x05\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50",
		"\x05\x00\x05\x00\x00\x03\x01x\x00\x50", "\x05\x00\x05\x02\x00\x04", "\x05\x02\x01\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00tail", "\x05\xff",
	} {
		f.Add([]byte(seed))
	}
	var proxies []*Proxy
	for _, text := range []string{"http://proxy", "http://a:b@proxy", "socks5://proxy", "socks5://a:b@proxy"} {
		proxy, err := ParseProxy(secret.New(text))
		require.NoError(f, err)
		proxies = append(proxies, proxy)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, proxy := range proxies {
			conn := &script{lines: bytes.NewReader(data)}
			ask := proxy.connect
			if proxy.scheme == "socks5" {
				ask = proxy.socks
			}
			if err := ask(conn, "example.com:443"); err != nil {
				var fault *ProxyError
				require.True(t, errors.As(err, &fault) || errors.Is(err, errProxyRefuses) || errors.Is(err, errUnreachable), "%v", err)
				continue
			}
			said := data[:len(data)-conn.lines.Len()]
			if proxy.scheme == "socks5" {
				require.Equal(t, byte(socksVersion), said[0])
				require.True(t, bytes.Contains(said, []byte{socksVersion, 0}), "%q", said)
			} else {
				require.True(t, bytes.HasSuffix(said, []byte("\n\r\n")) || bytes.HasSuffix(said, []byte("\n\n")), "%q", said)
			}
		}
	})
}
