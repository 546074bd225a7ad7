package e2e

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/stack"
)

// arrival is one request that a receiver got.
type arrival struct {
	id   string
	path string
	body string
	head http.Header
	at   time.Time
}

// receiver is an endpoint's server, with a ledger of everything that arrived.
type receiver struct {
	*httptest.Server

	// answer chooses the status of the nth request (from 1) to that path.
	answer func(path string, n int) int

	mu       sync.Mutex
	arrivals []arrival
	counts   map[string]int
}

// newBrokenReceiver starts a receiver that answers 503 until it is repaired, and
// 200 from then on.
func newBrokenReceiver(t *testing.T) (r *receiver, repair func()) {
	t.Helper()
	works := make(chan struct{})
	r = newReceiver(t, func(string, int) int {
		select {
		case <-works:
			return http.StatusOK
		default:
			return http.StatusServiceUnavailable
		}
	})
	return r, func() { close(works) }
}

// newReceiver starts a receiver that answers as told; nil: always 200.
func newReceiver(t *testing.T, answer func(path string, n int) int) *receiver {
	t.Helper()
	return newReceiverAt(t, "127.0.0.1:0", answer)
}

func newReceiverAt(t *testing.T, address string, answer func(path string, n int) int) *receiver {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	require.NoError(t, err)
	r := &receiver{answer: answer, counts: make(map[string]int)}
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			return // the sender gave up; nothing arrived
		}
		w.WriteHeader(r.note(arrival{q.Header.Get("webhook-id"), q.URL.Path, string(body), q.Header, time.Now()}))
	}))
	_ = r.Listener.Close() // the one that it came with
	r.Listener = listener
	r.Start()
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) note(a arrival) (status int) {
	r.mu.Lock()
	r.arrivals = append(r.arrivals, a)
	r.counts[a.path]++
	n := r.counts[a.path]
	r.mu.Unlock()
	if r.answer == nil {
		return http.StatusOK
	}
	return r.answer(a.path, n)
}

// at returns what has arrived at a path, in order.
func (r *receiver) at(path string) []arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.arrivals), func(a arrival) bool { return a.path != path })
}

// count is how much has arrived at a path.
func (r *receiver) count(path string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts[path]
}

// times counts how often each event arrived at a path.
func (r *receiver) times(path string) map[string]int {
	times := make(map[string]int)
	for _, a := range r.at(path) {
		times[a.id]++
	}
	return times
}

func freeAddress(t *testing.T) string {
	t.Helper()
	port, err := stack.FreePort()
	require.NoError(t, err)
	return "127.0.0.1:" + port
}
