package e2e

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// TestUnknownFormatsAreLeftAlone puts messages of a format to come before every
// consumer of every stage, into the very lanes that an endpoint's deliveries take.
// Those go on as if there were nothing, and the others stay for who knows them.
func TestUnknownFormatsAreLeftAlone(t *testing.T) {
	t.Parallel()
	const each, future = 5, "from the future"
	s := startStack(t, "POSTRIDER_RETRY_SCHEDULE=1s", "POSTRIDER_BREAKER_AFTER=0")
	c := system{s.URL, s.Token}.client(t)
	dead, repair := newBrokenReceiver(t)
	r := newReceiver(t, func(path string, n int) int {
		if path == "/once" && n == 1 {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	})
	ids := c.application(t, "future", r.URL+"/works", r.URL+"/once", dead.URL+"/dead")
	app := c.must(t, http.StatusOK, http.MethodGet, "/app/future", nil)["id"].(string)
	tenant, err := event.Tenant.Parse(app)
	require.NoError(t, err)

	subjects := map[string][]string{
		event.StreamEvents:   {event.SubjectEvents, event.SubjectWide},
		event.StreamOverflow: {event.OwnLane{Tenant: tenant}.Subject()},
		event.StreamTasks:    {event.TaskSubject(store.TaskRedrive), event.TaskSubject(store.TaskResend)},
	}
	for _, tier := range event.Tiers() {
		subjects[event.StreamRetry] = append(subjects[event.StreamRetry], tier.Subject())
	}
	for _, id := range ids {
		endpoint, err := event.Endpoint.Parse(id)
		require.NoError(t, err)
		subjects[event.StreamOverflow] = append(subjects[event.StreamOverflow], event.OwnLane{Tenant: tenant, Endpoint: endpoint}.Subject())
		subjects[event.StreamDLQ] = append(subjects[event.StreamDLQ], "dlq."+app+"."+id)
		for _, class := range []event.Class{event.First, event.Retry, event.Replay} {
			lane := string(event.LaneOf(class, tenant))
			subjects[event.StreamDeliver] = append(subjects[event.StreamDeliver], "deliver."+lane+"."+app+"."+id)
		}
	}
	for _, all := range subjects {
		for _, subject := range all {
			for range each {
				testkit.PublishRaw(t, s.NATSURL, subject, "99", []byte(future))
			}
		}
	}

	// First attempts, a retry, dead letters and their redrive, and an own lane.
	first := c.post(t, "future", map[string]any{})
	testkit.Eventually(t, func() bool { return r.times("/works")[first] == 1 && r.times("/once")[first] == 2 }, "delivered, and at the second attempt")
	letters := "/app/future/endpoint/" + ids[2] + "/dlq"
	testkit.Eventually(t, func() bool {
		return len(c.must(t, http.StatusOK, http.MethodGet, letters, nil)["data"].([]any)) == 1
	}, "dead")
	repair()
	c.must(t, http.StatusAccepted, http.MethodPost, letters+"/redrive", map[string]any{})
	testkit.Eventually(t, func() bool { return dead.times("/dead")[first] == 3 }, "redriven")
	c.must(t, http.StatusOK, http.MethodPost, "/app/future/endpoint/"+ids[0]+"/pause", nil)
	second := c.post(t, "future", map[string]any{})
	testkit.Eventually(t, func() bool { return r.times("/once")[second] == 1 }, "delivered where nothing is paused")
	require.Zero(t, r.times("/works")[second])
	c.must(t, http.StatusOK, http.MethodPost, "/app/future/endpoint/"+ids[0]+"/resume", nil)
	testkit.Eventually(t, func() bool { return r.times("/works")[second] == 1 }, "resumed")

	for stream, all := range subjects {
		var left int
		for _, m := range testkit.Messages(t, s.NATSURL, stream) {
			if string(m.Data) == future {
				left++
			}
		}
		require.Equal(t, each*len(all), left, "all are still on %s", stream)
	}
}
