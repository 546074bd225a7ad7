package e2e

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	svix "github.com/svix/svix-webhooks/go"

	"github.com/postrider/postrider/shared/testkit"
)

// testOperational has an operational endpoint follow what happens to another
// one: made, failing until it is given up, and working again. Notices are in the
// outbox with what they tell of and arrive by the same way as everything else.
func testOperational(t *testing.T, s system) {
	t.Helper()
	c := s.client(t)
	ops := newReceiver(t, nil)
	made := c.must(t, http.StatusCreated, http.MethodPost, "/operational-webhook/endpoint", map[string]any{
		"url": ops.URL + "/ops", "filterTypes": []string{"endpoint.created", "message.attempt.exhausted", "message.attempt.recovered"},
	})
	path := "/operational-webhook/endpoint/" + made["id"].(string)
	key := c.must(t, http.StatusOK, http.MethodGet, path+"/secret", nil)["key"].(string)
	verifier, err := svix.NewWebhook(key)
	require.NoError(t, err)

	r, repair := newBrokenReceiver(t)
	endpoint := c.application(t, "watched", r.URL+"/hook")[0]
	// notice waits for the notice of that type. Those of the other tests' endpoints
	// come here too.
	notice := func(kind string) map[string]any {
		var found []map[string]any
		testkit.Eventually(t, func() bool {
			found = nil
			for _, a := range ops.at("/ops") {
				require.NoError(t, verifier.Verify([]byte(a.body), a.head))
				var n struct {
					Type string
					Data map[string]any
				}
				require.NoError(t, json.Unmarshal([]byte(a.body), &n))
				if n.Type == kind && n.Data["appUid"] == "watched" {
					found = append(found, n.Data)
				}
			}
			return len(found) > 0
		}, "notice %s", kind)
		require.Len(t, found, 1, kind)
		require.Equal(t, endpoint, found[0]["endpointId"])
		return found[0]
	}
	notice("endpoint.created")

	id := c.post(t, "watched", map[string]any{})
	exhausted := notice("message.attempt.exhausted")
	require.Equal(t, id, exhausted["msgId"])
	require.EqualValues(t, http.StatusServiceUnavailable, exhausted["lastAttempt"].(map[string]any)["responseStatusCode"])

	repair()
	c.must(t, http.StatusAccepted, http.MethodPost, "/app/watched/msg/"+id+"/endpoint/"+endpoint+"/resend", map[string]any{})
	recovered := notice("message.attempt.recovered")
	require.Equal(t, id, recovered["msgId"])
	require.Equal(t, c.attempts(t, "watched", id)[0]["id"], recovered["lastAttempt"].(map[string]any)["id"])
	c.must(t, http.StatusNoContent, http.MethodDelete, path, nil)
}
