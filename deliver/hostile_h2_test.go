package deliver

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/egress"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/testkit"
)

// TestHostileHTTP2Receivers calls receivers to which one connection carries many
// attempts: it stays, and what the receiver keeps up is the stream of the attempt.
func TestHostileHTTP2Receivers(t *testing.T) {
	t.Parallel()
	write := func(w http.ResponseWriter, part string) error {
		_, err := io.WriteString(w, part)
		if err == nil {
			err = http.NewResponseController(w).Flush()
		}
		return err
	}
	for name, test := range map[string]struct {
		payload int
		handle  http.HandlerFunc
		want    Outcome
		kept    int
	}{
		"no answer":     {0, func(http.ResponseWriter, *http.Request) {}, Timeout, 0},
		"reads nothing": {8 << 20, func(http.ResponseWriter, *http.Request) {}, Timeout, 0},
		"body stops":    {0, func(w http.ResponseWriter, _ *http.Request) { _ = write(w, "hello") }, Timeout, 0},
		"body drips": {0, func(w http.ResponseWriter, _ *http.Request) {
			for write(w, "x") == nil {
				time.Sleep(5 * time.Millisecond)
			}
		}, Timeout, 0},
		"body without end": {0, func(w http.ResponseWriter, _ *http.Request) {
			for write(w, strings.Repeat("x", 1024)) == nil { //nolint:revive // until nobody hears it
			}
		}, Success, keptResponse},
		"huge header": {0, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("x", 1<<20))
			_ = write(w, "hello")
		}, Connection, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var began, ended atomic.Int32
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				began.Add(1)
				test.handle(w, r)
				<-r.Context().Done()
				ended.Add(1)
			}))
			server.EnableHTTP2 = true
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.StartTLS()
			t.Cleanup(server.Close)
			transport := testkit.Loopback().Transport(egress.Pool{})
			transport.TLSClientConfig.RootCAs = server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
			c := newCallerBy(t, testkit.Loopback(), &http.Client{Transport: transport})
			c.timeout = patience(test.want)

			a := c.call(testkit.Context(t), at(server.URL), plainly(server.URL), &event.Delivery{Event: event.NewID()}, make([]byte, test.payload))
			require.Equal(t, test.want, a.outcome, "%s", a.response)
			if test.want == Success {
				require.Len(t, a.response, test.kept)
			}
			require.Less(t, a.duration, 20*time.Second)
			testkit.Eventually(t, func() bool { return ended.Load() == began.Load() }, "the stream ends")
		})
	}
}
