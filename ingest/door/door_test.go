package door

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// TestAmbiguous: what two servers could take for different requests is refused, or
// is the last that is said on its connection.
func TestAmbiguous(t *testing.T) {
	t.Parallel()
	h := newHall(t, Options{})
	const rest = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, test := range map[string]struct {
		send   string
		status string
	}{
		"both lengths":            {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + rest, "200 OK"},
		"chunked":                 {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + rest, "200 OK"},
		"bare LF hides a length":  {"POST / HTTP/1.1\r\nHost: x\r\nA: b\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + rest, "200 OK"},
		"two lengths":             {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd" + rest, "400 Bad Request"},
		"signed length":           {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc" + rest, "400 Bad Request"},
		"space before colon":      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length : 3\r\n\r\nabc" + rest, "400 Bad Request"},
		"unknown encoding":        {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + rest, "501 Not Implemented"},
		"two encodings":           {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + rest, "501 Not Implemented"},
		"two hosts":               {"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n" + rest, "400 Bad Request"},
		"folded line":             {"GET / HTTP/1.1\r\nHost: x\r\n Content-Length: 3\r\n\r\n" + rest, "400 Bad Request"},
		"bare CR":                 {"GET / HTTP/1.1\r\nHost: x\r\nA: b\rC: d\r\n\r\n" + rest, "400 Bad Request"},
		"head of 32 KiB":          {"GET / HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("a", 32<<10) + "\r\n\r\n" + rest, "431 Request Header Fields Too Large"},
		"chunk that ends with LF": {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\nA\n0\n\n" + rest, "200 OK"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := dial(t, h.address, test.send)
			text, err := io.ReadAll(conn)
			if err != nil {
				require.NotEmpty(t, text, err) // what we had not read made it a reset
			}
			require.Contains(t, string(text), "HTTP/1.1 "+test.status)
			require.Equal(t, 1, strings.Count(string(text), "HTTP/1.1 "), "%s", text)
		})
	}
}

// TestPlainHTTP2: clients that know of it speak HTTP/2 without TLS, and the others
// do not notice.
func TestPlainHTTP2(t *testing.T) {
	t.Parallel()
	h := newHall(t, Options{})
	var two http.Protocols
	two.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: &two}
	defer transport.CloseIdleConnections()
	require.Equal(t, "done by HTTP/2.0", body(t, transport, "http://"+h.address))
	one := &http.Transport{}
	defer one.CloseIdleConnections()
	require.Equal(t, "done by HTTP/1.1", body(t, one, "http://"+h.address))
}

func body(t *testing.T, by *http.Transport, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	answer, err := by.RoundTrip(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return string(text)
}
