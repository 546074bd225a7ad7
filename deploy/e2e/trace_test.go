package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/testkit"
)

// The trace that the producer of TestTrace is in.
const (
	callersTrace = "0af7651916cd43dd8448eb211c80319c"
	callersSpan  = "b7ad6b7169203331"
)

// TestTrace follows one event from the request to the last attempts: at an endpoint
// that wants it at the second, and at one that is dead and then gets it redriven.
func TestTrace(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	inBothShapes(t, []string{
		"POSTRIDER_OTLP_ENDPOINT=" + c.URL, "POSTRIDER_TRACE_SAMPLE=0", "POSTRIDER_TRACE_RECEIVERS=true",
		"POSTRIDER_RETRY_SCHEDULE=200ms", "POSTRIDER_BREAKER_AFTER=0",
	}, func(t *testing.T, s system) {
		t.Helper()
		client := s.client(t)
		var back atomic.Bool
		r := newReceiver(t, func(path string, n int) int {
			switch {
			case path == "/once" && n == 1:
				return http.StatusServiceUnavailable
			case path == "/gone" && !back.Load():
				return http.StatusGone
			}
			return http.StatusOK
		})
		ids := client.application(t, "traced", r.URL+"/once", r.URL+"/gone")
		id := postTraced(t, client, "traced")
		testkit.Eventually(t, func() bool { return r.times("/gone")[id] == 1 && r.times("/once")[id] > 0 }, "it is told that the endpoint is gone")
		untraced := client.post(t, "traced", map[string]any{})
		gone := "/app/traced/endpoint/" + ids[1]
		testkit.Eventually(t, func() bool { return r.times("/once")[id] == 2 && lettersAt(t, client, gone) == 2 }, "it arrives at one, and is dead at the other")
		back.Store(true)
		client.must(t, http.StatusOK, http.MethodPatch, gone, map[string]any{"disabled": false})
		client.must(t, http.StatusAccepted, http.MethodPost, gone+"/dlq/redrive", map[string]any{})
		testkit.Eventually(t, func() bool { return r.times("/gone")[id] == 2 }, "redriven")
		testkit.Eventually(t, func() bool { return len(c.of(id)) >= 20 }, "all spans come")

		spans := c.of(id)
		require.Empty(t, c.of(untraced), "nobody asked for it, and the share is 0")
		requireWhole(t, spans)
		requireSteps(t, spans)
		for _, a := range slices.Concat(r.at("/once"), r.at("/gone")) {
			require.Empty(t, a.head.Values("Baggage"))
			if a.id != id {
				require.Empty(t, a.head.Values("Traceparent"))
				continue
			}
			require.True(t, slices.ContainsFunc(spans, func(s span) bool {
				return s.name == "POST" && a.head.Get("Traceparent") == "00-"+s.trace+"-"+s.id+"-01"
			}), "the receiver is told of the call: %s", a.head.Get("Traceparent"))
		}
	})
}

// postTraced posts an event as a producer does whose own trace is sampled.
func postTraced(t *testing.T, c *client, app string) (id string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.url+"/api/v1/app/"+app+"/msg",
		strings.NewReader(`{"eventType":"test.happened","payload":{}}`))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+c.token)
	request.Header.Set("Traceparent", "00-"+callersTrace+"-"+callersSpan+"-01")
	request.Header.Set("Baggage", "who=knows")
	response, err := c.http.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	require.Equal(t, http.StatusAccepted, response.StatusCode)
	var answer struct{ ID string }
	require.NoError(t, json.NewDecoder(response.Body).Decode(&answer))
	return answer.ID
}

// requireWhole fails unless every span is in the trace of the caller or in one that is
// linked to it, and its parent is there.
func requireWhole(t *testing.T, spans []span) {
	t.Helper()
	known := map[string]bool{callersTrace + "/" + callersSpan: true}
	for _, s := range spans {
		known[s.trace+"/"+s.id] = true
	}
	family := map[string]bool{callersTrace: true}
	for more := true; more; {
		more = false
		for _, s := range spans {
			for _, l := range s.links {
				require.True(t, known[l], "%s of %s is linked to a span that is not there", s.name, s.stage)
				if other, _, _ := strings.Cut(l, "/"); family[other] && !family[s.trace] {
					family[s.trace], more = true, true
				}
			}
		}
	}
	require.Len(t, family, 3, "the event's, that of its retry, that of its redrive")
	for _, s := range spans {
		require.True(t, family[s.trace], "%s of %s belongs to no trace of the event", s.name, s.stage)
		if s.parent == "" {
			require.Len(t, s.links, 1, "%s of %s comes from nowhere", s.name, s.stage)
		} else {
			require.True(t, known[s.trace+"/"+s.parent], "the parent of %s of %s is not there", s.name, s.stage)
		}
	}
}

// requireSteps fails unless each step of each stage has its span, below the right one.
func requireSteps(t *testing.T, spans []span) {
	t.Helper()
	byID := make(map[string]span)
	for _, s := range spans {
		byID[s.id] = s
	}
	got := make(map[string]int)
	for _, s := range spans {
		above := "caller"
		if p, ok := byID[s.parent]; ok {
			above = p.name
		} else if s.parent == "" {
			above = "link"
		}
		require.Equal(t, s.name == "POST", s.attributes["server.address"] == "127.0.0.1")
		step := fmt.Sprintf("%s: %s < %s", strings.TrimPrefix(s.stage, "postrider-"), s.name, above)
		got[strings.ReplaceAll(step, "OVERFLOW", "DELIVER")]++ // by which lane is not for us to say
	}
	require.Equal(t, map[string]int{
		"ingest: POST /api/v1/app/{app_id}/msg < caller":      1,
		"ingest: send EVENTS < POST /api/v1/app/{app_id}/msg": 1,
		"fanout: process EVENTS < send EVENTS":                1,
		"fanout: send DELIVER < process EVENTS":               2,
		"deliver: process DELIVER < send DELIVER":             4, // two first attempts, a retry, a redrive
		"deliver: POST < process DELIVER":                     4,
		"deliver: send RETRY < process DELIVER":               1,
		"deliver: send DLQ < process DELIVER":                 1,
		"retry: process RETRY < link":                         1,
		"retry: send DELIVER < process RETRY":                 1,
		"dlq: process DLQ < send DLQ":                         1,
		"dlq: process TASKS < link":                           1,
		"dlq: send DELIVER < process TASKS":                   1,
	}, got)
}
