package receiver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/postrider/postrider/bench/receiver"
	"github.com/postrider/postrider/shared/signature"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sink is a receiver behind a server, with its client.
type sink struct {
	*receiver.Receiver
	*httptest.Server
}

func newSink(t *testing.T, o receiver.Options) sink {
	t.Helper()
	r, err := receiver.New(o)
	require.NoError(t, err)
	s := sink{r, httptest.NewServer(r)}
	t.Cleanup(func() {
		r.Close()
		s.Server.Close()
	})
	return s
}

// deliver posts a signed event and returns the status of the answer.
func (s sink) deliver(t *testing.T, target, id string, keys ...signature.Key) int {
	t.Helper()
	got, err := s.try(t.Context(), target, id, `{"hello":"world"}`, keys...)
	require.NoError(t, err)
	return got.status
}

// answer is what a sender sees of one.
type answer struct {
	status     int
	retryAfter string
}

func (s sink) try(ctx context.Context, target, id, body string, keys ...signature.Key) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+target, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if id != "" {
		now := time.Now()
		req.Header.Set("webhook-id", id)
		req.Header.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
		req.Header.Set("webhook-signature", signature.Header(keys, id, now, []byte(body)))
	}
	res, err := s.Client().Do(req)
	if err != nil {
		return answer{}, err
	}
	return answer{res.StatusCode, res.Header.Get("Retry-After")}, res.Body.Close()
}

// control calls the control API and returns the status.
func (s sink) control(t *testing.T, method, target, body string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+target, strings.NewReader(body))
	require.NoError(t, err)
	res, err := s.Client().Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	right, wrong, other := signature.GenerateKey(), signature.GenerateKey(), signature.GenerateEd25519Key()
	s := newSink(t, receiver.Options{Secrets: []string{right.Public()}})
	require.NoError(t, s.SetSecret("/own", other.Public()))

	require.Equal(t, http.StatusOK, s.deliver(t, "/", "msg_1", right))
	require.Equal(t, http.StatusUnauthorized, s.deliver(t, "/", "msg_2", wrong))
	require.Equal(t, http.StatusUnauthorized, s.deliver(t, "/", "", right), "no headers")
	require.Equal(t, http.StatusOK, s.deliver(t, "/own", "msg_3", other))
	require.Equal(t, http.StatusUnauthorized, s.deliver(t, "/own", "msg_4", right))

	require.NoError(t, s.SetSecret("/own", ""), "forget it")
	require.Equal(t, http.StatusOK, s.deliver(t, "/own", "msg_5", right))

	total := s.Stats().Total
	require.Equal(t, int64(3), total.BadSignatures)
	require.Equal(t, int64(6), total.Requests)
	require.Equal(t, int64(3), total.Distinct, "what is not genuine is no delivery")
	require.Equal(t, int64(3), total.Accepted)
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	s := newSink(t, receiver.Options{})
	for _, target := range []string{"/a", "/b", "/a", "/a", "/b?fail=all", "/c?fail=1", "/c?fail=1", "/c?fail=1"} {
		s.deliver(t, target, "msg_1")
	}
	s.deliver(t, "/a", "")

	stats := s.Stats()
	require.Equal(t, int64(3), stats.Total.Distinct, "one event, three paths")
	require.Equal(t, int64(2), stats.Classes["/a"].Duplicates)
	require.Equal(t, int64(1), stats.Classes["/a"].Unidentified)
	require.Equal(t, int64(1), stats.Classes["/b"].Duplicates, "whatever it is answered then")
	require.Equal(t, int64(1), stats.Classes["/c"].Duplicates, "a retry of what failed is none")
	var want uint64
	for _, name := range []string{"/a", "/b", "/c"} {
		want += receiver.Fingerprint(name, "msg_1")
	}
	require.Equal(t, want, stats.Total.Fingerprint)
}

func TestFailures(t *testing.T) {
	t.Parallel()
	tests := map[string][]int{
		"":                    {200, 200, 200},
		"fail=2":              {500, 500, 200},
		"fail=1&status=429":   {429, 200, 200},
		"status=503":          {503, 503, 503},
		"fail=all":            {500, 500, 500},
		"fail=all&status=410": {410, 410, 410},
		"status=204":          {204, 204, 204},
		"fail=0&status=503":   {200, 200, 200},
		"delay=1ms&fail=1":    {500, 200, 200},
		"fail=many":           {400, 400, 400},
	}
	s := newSink(t, receiver.Options{})
	for query, want := range tests {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			for _, status := range want {
				require.Equal(t, status, s.deliver(t, "/x?"+query, "msg_"+query))
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	s := newSink(t, receiver.Options{})
	got, err := s.try(t.Context(), "/?fail=1&retry_after=30", "msg_1", "{}")
	require.NoError(t, err)
	require.Equal(t, "30", got.retryAfter)
	got, err = s.try(t.Context(), "/?fail=1&retry_after=30", "msg_1", "{}")
	require.NoError(t, err)
	require.Empty(t, got.retryAfter)
}

// TestHanging sees that what is not answered ends with its sender or with the
// receiver, and is no success: its next attempt is no duplicate.
func TestHanging(t *testing.T) {
	t.Parallel()
	observed := make(chan receiver.Delivery, 1)
	s := newSink(t, receiver.Options{Observe: func(d receiver.Delivery) { observed <- d }})

	for _, target := range []string{"/x?hang=1", "/x?delay=5m"} {
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			_, err := s.try(ctx, target, "msg_1", "{}")
			left <- err
		}()
		await(t, func() bool { return s.Stats().Total.Requests > s.Stats().Total.Abandoned })
		cancel()
		require.ErrorIs(t, <-left, context.Canceled)
		require.Zero(t, (<-observed).Status)
	}
	go func() { // until the receiver closes
		await(t, func() bool { return s.Stats().Total.Requests == 3 })
		s.Receiver.Close()
	}()
	_, err := s.try(t.Context(), "/x?hang=1", "msg_1", "{}")
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, 3, (<-observed).Attempt)

	total := s.Stats().Total
	require.Equal(t, int64(3), total.Abandoned)
	require.Zero(t, total.Accepted)
	require.Zero(t, total.Duplicates)
}

// await waits for what another goroutine is about to do.
func await(t *testing.T, ready func() bool) {
	t.Helper()
	for !ready() {
		if t.Context().Err() != nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func TestLatency(t *testing.T) {
	t.Parallel()
	s := newSink(t, receiver.Options{})
	body := func(ago time.Duration) string {
		return fmt.Sprintf(`{"pad":"x", "sent": %d}`, time.Now().Add(-ago).UnixNano())
	}
	for id, ago := range map[string]time.Duration{"msg_1": time.Minute, "msg_2": time.Minute, "msg_3": -time.Hour} {
		for range 2 {
			_, err := s.try(t.Context(), "/x?class=timed", id, body(ago))
			require.NoError(t, err)
		}
	}
	for _, odd := range []string{`{}`, `{"sent":"today"}`, `{"sent":99999999999999999999999}`} {
		_, err := s.try(t.Context(), "/x?class=untimed", "msg_"+odd, odd)
		require.NoError(t, err)
	}
	classes := s.Stats().Classes
	require.Equal(t, int64(3), classes["timed"].Latency.Count, "first attempts only")
	require.GreaterOrEqual(t, classes["timed"].Latency.Max, 59_900.0)
	require.Equal(t, int64(3), classes["untimed"].Distinct)
	require.Zero(t, classes["untimed"].Latency)
}

func TestOrder(t *testing.T) {
	t.Parallel()
	s := newSink(t, receiver.Options{})
	for _, d := range []struct {
		target string
		number int
	}{
		{"/x?class=o", 1},
		{"/x?class=o&fail=1", 2},
		{"/x?class=o&fail=1", 2},
		{"/x?class=o", 1}, // a duplicate is not out of order
		{"/x?class=o", 5},
		{"/x?class=o", 4}, // but this is,
		{"/x?class=o", 3}, // and this
		{"/y?class=o", 1}, // each path has an order of its own
		{"/x?class=o", 6},
	} {
		_, err := s.try(t.Context(), d.target, fmt.Sprintf("msg_%d", d.number), fmt.Sprintf(`{"number":%d}`, d.number))
		require.NoError(t, err)
	}
	s.deliver(t, "/x?class=o", "msg_without")
	counts := s.Stats().Classes["o"]
	require.Equal(t, int64(2), counts.OutOfOrder)
	require.Equal(t, int64(8), counts.Distinct)
	require.Equal(t, int64(1), counts.Duplicates)
}

// TestInFlight has two requests wait at one path and one at another.
func TestInFlight(t *testing.T) {
	t.Parallel()
	s := newSink(t, receiver.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	for i, target := range []string{"/a", "/a", "/b"} {
		waiting.Go(func() { _, _ = s.try(ctx, target+"?hang=1&class=w", fmt.Sprintf("msg_%d", i), "{}") })
	}
	now := func() receiver.Counts { return s.Stats().Classes["w"] }
	await(t, func() bool { return now().InFlight == 3 })
	cancel()
	waiting.Wait()
	await(t, func() bool { return now().InFlight == 0 })
	s.deliver(t, "/a?class=w", "msg_4")
	require.Equal(t, int64(3), now().MostInFlight)
	require.Equal(t, int64(2), now().MostAtOnePath)
	require.Zero(t, now().InFlight, "it ended before its answer was sent")
	require.False(t, now().Last.Before(now().First))
}

func TestControl(t *testing.T) {
	t.Parallel()
	s := newSink(t, receiver.Options{})
	key := signature.GenerateKey()
	tests := map[string]struct {
		target, body string
		status       int
	}{
		"secret":          {"/_sink/secret", `{"path":"/own","secret":"` + key.Public() + `"}`, 204},
		"bad secret":      {"/_sink/secret", `{"path":"/own","secret":"hunter2"}`, 400},
		"no path":         {"/_sink/secret", `{"secret":"hunter2"}`, 400},
		"behaviour":       {"/_sink/behaviour", `{"path":"/b","behaviour":"status=503&class=told"}`, 204},
		"bad behaviour":   {"/_sink/behaviour", `{"path":"/b","behaviour":"status=99"}`, 400},
		"no JSON":         {"/_sink/behaviour", `fail`, 400},
		"unknown control": {"/_sink/else", ``, 404},
	}
	for name, test := range tests {
		require.Equal(t, test.status, s.control(t, http.MethodPost, test.target, test.body), name)
	}
	require.Equal(t, http.StatusUnauthorized, s.deliver(t, "/own", "msg_1"))
	require.Equal(t, http.StatusServiceUnavailable, s.deliver(t, "/b?fail=0", "msg_1"))
	require.NoError(t, s.SetBehaviour("/b", ""))
	require.Equal(t, http.StatusOK, s.deliver(t, "/b?fail=0", "msg_2"))
	require.Equal(t, http.StatusMethodNotAllowed, s.control(t, http.MethodGet, "/b", ""))

	res, err := s.Client().Get(s.URL + "/_sink/stats")
	require.NoError(t, err)
	defer res.Body.Close()
	var stats receiver.Stats
	require.NoError(t, json.NewDecoder(res.Body).Decode(&stats))
	require.Equal(t, int64(1), stats.Classes["told"].Refused)
	require.Equal(t, int64(1), stats.Classes["/b"].Distinct)
	require.Equal(t, s.Stats().Total.Fingerprint, stats.Total.Fingerprint)
	require.True(t, s.Stats().Total.LastNew.Equal(stats.Total.LastNew))
}

func TestReset(t *testing.T) {
	t.Parallel()
	s := newSink(t, receiver.Options{Remember: 2})
	send := func() {
		s.deliver(t, "/a", "msg_1")
		s.deliver(t, "/b", "msg_1")
		s.deliver(t, "/b", "msg_2")
	}
	send()
	require.Equal(t, int64(2), s.Stats().Total.Distinct)
	require.Equal(t, int64(1), s.Stats().Total.Forgotten, "beyond what is remembered")
	require.Equal(t, http.StatusNoContent, s.control(t, http.MethodDelete, "/_sink/stats?class=/a", ""))
	require.NotContains(t, s.Stats().Classes, "/a")
	s.deliver(t, "/b", "msg_2")
	require.Equal(t, int64(2), s.Stats().Total.Distinct, "room was made")
	require.Equal(t, http.StatusNoContent, s.control(t, http.MethodDelete, "/_sink/stats", ""))
	require.Zero(t, s.Stats().Total)
	send()
	require.Equal(t, int64(2), s.Stats().Total.Distinct)
}

func TestManyClasses(t *testing.T) {
	t.Parallel()
	s := newSink(t, receiver.Options{})
	for i := range 300 {
		require.Equal(t, http.StatusOK, s.deliver(t, fmt.Sprintf("/x?class=%d", i), fmt.Sprintf("msg_%d", i)))
	}
	stats := s.Stats()
	require.Len(t, stats.Classes, 256)
	require.Equal(t, int64(45), stats.Classes["(other)"].Distinct)
	require.Equal(t, int64(300), stats.Total.Distinct)
}

func TestConcurrentDeliveries(t *testing.T) {
	t.Parallel()
	s := newSink(t, receiver.Options{})
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 100 {
				_, err := s.try(t.Context(), "/x", fmt.Sprintf("msg_%d_%d", worker%2, i), "{}")
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	total := s.Stats().Total
	require.Equal(t, int64(200), total.Distinct)
	require.Equal(t, int64(400), total.Requests)
}

func TestBadSecret(t *testing.T) {
	t.Parallel()
	_, err := receiver.New(receiver.Options{Secrets: []string{"hunter2"}})
	require.ErrorIs(t, err, signature.ErrKeyPrefix)
}

// TestServeStops sees the server end at once although a request hangs in it.
func TestServeStops(t *testing.T) {
	t.Parallel()
	r, err := receiver.New(receiver.Options{})
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- r.Serve(ctx, listener) }()

	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	hung := make(chan error, 1)
	go func() {
		res, err := client.Post("http://"+listener.Addr().String()+"/?hang=1", "", bytes.NewReader(nil))
		if err == nil {
			err = errors.Join(errors.New("was answered"), res.Body.Close())
		}
		hung <- err
	}()
	await(t, func() bool { return r.Stats().Total.Requests == 1 })
	cancel()
	require.NoError(t, <-served)
	require.ErrorIs(t, <-hung, io.EOF)

	require.ErrorContains(t, r.Serve(t.Context(), listener), "serve:", "it is closed")
}
