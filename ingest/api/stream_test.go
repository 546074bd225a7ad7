package api_test

import (
	"bufio"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/api"
)

// listener follows a stream of server-sent events.
type listener struct {
	lines *bufio.Scanner
	close func()
}

func (w *world) listen(t *testing.T, path string, headers ...string) *listener {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "GET", w.url+"/api/v1"+path, http.NoBody)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+token)
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ":")
		request.Header.Set(name, value)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(t, err)
	t.Cleanup(func() { response.Body.Close() })
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
	return &listener{bufio.NewScanner(response.Body), func() { response.Body.Close() }}
}

// next returns the id and the data of the next message.
func (l *listener) next(t *testing.T) (id, data string) {
	t.Helper()
	for l.lines.Scan() {
		name, value, _ := strings.Cut(l.lines.Text(), ": ")
		switch name {
		case "id":
			id = value
		case "data":
			data = value
		case "event":
			require.Equal(t, "message", value)
		case "":
			if data != "" {
				return id, data
			}
		}
	}
	t.Fatalf("the stream ended: %v", l.lines.Err())
	return "", ""
}

// TestStream sends each message once, and goes on where a client was cut off.
func TestStream(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	w := start(t, func(c *api.Config) {
		c.Stopping, c.Timeout = stop, 5*time.Second
	})
	w.app(t, `{"name":"a","uid":"a"}`)
	post := func(n int) answer {
		return w.must(t, 202, "POST", "/app/a/msg", `{"eventType":"a","payload":{"n":`+strconv.Itoa(n)+`,"text":"two\nlines"}}`)
	}
	want := []answer{post(0), post(1), post(2)}
	stream := w.listen(t, "/app/a/poller/ledger/stream")
	ids := make([]string, len(want))
	for i := range want {
		var data string
		ids[i], data = stream.next(t)
		require.JSONEq(t, want[i].text, data)
	}
	late := post(3)
	_, data := stream.next(t)
	require.JSONEq(t, late.text, data, "it goes on")

	for _, again := range []*listener{
		w.listen(t, "/app/a/poller/ledger/stream", "Last-Event-ID:"+ids[0]), w.listen(t, "/app/a/poller/ledger/stream?iterator="+ids[0]),
	} {
		for _, message := range append(want[1:], late) {
			_, data := again.next(t)
			require.JSONEq(t, message.text, data)
		}
	}
	close(stop)
	for stream.lines.Scan() {
	}
	require.NoError(t, stream.lines.Err(), "it ends in order when the server stops")
}

// TestStreamsAreFew: an application has so many, and who closes one may open
// another.
func TestStreamsAreFew(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	w := start(t, func(c *api.Config) { c.Stopping = stop })
	t.Cleanup(func() { close(stop) })
	w.app(t, `{"name":"a","uid":"a"}`)
	w.app(t, `{"name":"b","uid":"b"}`)
	var open []*listener
	for range 8 {
		open = append(open, w.listen(t, "/app/a/poller/ledger/stream"))
	}
	w.send(t, "GET", "/app/a/poller/ledger/stream", "").requireCode(t, http.StatusTooManyRequests, "too_many_requests")
	w.listen(t, "/app/b/poller/ledger/stream")
	open[0].close()
	require.Eventually(t, func() bool {
		return w.send(t, "HEAD", "/app/a/poller/ledger/stream", "").status == http.StatusOK
	}, 10*time.Second, 20*time.Millisecond)
	w.listen(t, "/app/a/poller/ledger/stream")
}

func TestStreamRefuses(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.app(t, `{"name":"a","uid":"a"}`)
	w.send(t, "GET", "/app/a/poller/ledger/stream?iterator=-", "").requireInvalid(t, "query.iterator")
	w.send(t, "GET", "/app/a/poller/ledger/stream", "", "Last-Event-ID:-").requireInvalid(t, "query.iterator")
	w.send(t, "GET", "/app/b/poller/ledger/stream", "").requireCode(t, 404, "not_found")
	w.must(t, 200, "GET", "/app/a/poller/ledger/stream", "")
}
