package deliver

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/deliver/fair"
	"github.com/postrider/postrider/shared/event"
)

// standingWorld is a standing with its clock and its log.
type standingWorld struct {
	*standing

	log bytes.Buffer
	d   event.Delivery
}

func inStanding(t *testing.T, test func(t *testing.T, w *standingWorld)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := new(standingWorld)
		w.standing = newStanding(zerolog.New(&w.log))
		w.d = event.Delivery{Event: event.NewID(), Tenant: event.NewID(), Endpoint: event.NewID(), Attempt: 1, Payload: []byte("secret")}
		test(t, w)
	})
}

func (w *standingWorld) makes(outcomes ...Outcome) {
	for _, o := range outcomes {
		w.attempted(&w.d, &attempt{id: event.NewID(), outcome: o, url: "http://example.com/secret", response: []byte("secret")})
		time.Sleep(time.Millisecond)
		w.look(time.Now())
	}
}

func (w *standingWorld) waits(long time.Duration) {
	time.Sleep(long)
	w.look(time.Now())
}

// says is what was logged since it was asked last.
func (w *standingWorld) says(t *testing.T) []string {
	t.Helper()
	said := []string{}
	for line := range strings.Lines(w.log.String()) {
		require.NotContains(t, line, "secret")
		var fields map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &fields))
		said = append(said, fields["message"].(string))
		if strings.HasPrefix(fields["message"].(string), "more") {
			continue
		}
		require.Equal(t, event.Tenant.Format(w.d.Tenant), fields["tenant"])
		require.Regexp(t, "^ep_", fields["endpoint"])
	}
	w.log.Reset()
	return said
}

// What there is to be said.
const (
	begins   = "endpoint begins to fail"
	opens    = "circuit breaker of the endpoint opens"
	recovers = "endpoint has recovered"
)

func TestStanding(t *testing.T) {
	t.Parallel()
	many := func(n int, all ...Outcome) (outcomes []Outcome) {
		for range n {
			outcomes = append(outcomes, all...)
		}
		return outcomes
	}
	inStanding(t, func(t *testing.T, w *standingWorld) {
		t.Helper()
		w.makes(many(1000, Success)...)
		w.makes(Timeout, Success)
		w.makes(many(10, Blocked, Proxy, Expired, Disabled)...)
		require.Empty(t, w.says(t), "one failure, and what speaks against nobody")
		require.Empty(t, w.ill)

		w.makes(many(1000, Rejected)...)
		require.Equal(t, []string{begins}, w.says(t), "once, not for each attempt")
		w.makes(many(1000, Rejected, Success)...)
		w.waits(wellFrom / 2)
		require.Empty(t, w.says(t), "neither well nor worse")
		w.waits(wellFrom)
		require.Equal(t, []string{recovers}, w.says(t), "also when nothing is sent")
		require.Empty(t, w.ill, "and nothing is remembered")

		w.makes(Timeout, Timeout)
		c := fair.BreakerChange{Tenant: w.d.Tenant, Endpoint: w.d.Endpoint, State: fair.BreakerOpened}
		w.changed(c)
		require.Equal(t, []string{begins, opens}, w.says(t))
		for range 10 {
			w.makes(Timeout)
			c.State = fair.ProbeFailed
			w.changed(c)
			w.waits(time.Hour)
		}
		require.Empty(t, w.says(t), "probes are attempts like others")
		w.makes(Success)
		w.waits(wellFrom)
		require.Empty(t, w.says(t), "the breaker is still open")
		c.State = fair.BreakerClosed
		w.changed(c)
		w.makes(Success)
		require.Equal(t, []string{recovers}, w.says(t))

		w.makes(Gone, Timeout)
		w.forget(w.d.Endpoint)
		w.waits(wellFrom)
		require.Equal(t, []string{begins}, w.says(t), "it was disabled")

		w.makes(Timeout, Timeout)
		w.waits(forgottenFrom + time.Hour)
		require.Empty(t, w.ill, "nothing was sent to it for a day")
	})
}

// TestStandingIsBounded fails more endpoints than are remembered.
func TestStandingIsBounded(t *testing.T) {
	t.Parallel()
	inStanding(t, func(t *testing.T, w *standingWorld) {
		t.Helper()
		fail := func() {
			w.d.Endpoint = event.NewID()
			for range failsFrom {
				w.attempted(&w.d, &attempt{outcome: Timeout})
			}
		}
		for range standings + 500 {
			fail()
		}
		require.Len(t, w.ill, standings)
		said := w.says(t)
		require.Len(t, said, standings+1, "of each once, and once that there are more")
		require.Contains(t, said[standings], "more endpoints fail")
		w.waits(forgottenFrom + time.Hour)
		fail()
		require.Equal(t, []string{begins}, w.says(t), "there is room again")
	})
}

// TestNoStanding: whoever has none can be used all the same.
func TestNoStanding(t *testing.T) {
	t.Parallel()
	var s *standing
	s.attempted(&event.Delivery{}, &attempt{outcome: Timeout})
	s.changed(fair.BreakerChange{State: fair.BreakerOpened})
	s.forget(event.ID{})
}
