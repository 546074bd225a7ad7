package api_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTypeRetrySchedule(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.must(t, 201, "POST", "/event-type", `{"name":"paid","description":""}`)
	const path = "/event-type/paid/retry-schedule"
	get := func() string { return w.must(t, 200, "GET", path, "").text }
	require.JSONEq(t, `{"retrySchedule":null}`, get())
	for _, body := range []string{`{"retrySchedule":["5s","1.5s"]}`, `{"retrySchedule":[{"secs":5,"nanos":0},{"secs":1,"nanos":500000000}]}`} {
		want := `{"retrySchedule":[{"secs":5,"nanos":0},{"secs":1,"nanos":500000000}]}`
		require.JSONEq(t, want, w.must(t, 200, "PUT", path, body).text, body)
		require.JSONEq(t, want, get())
		w.must(t, 200, "PUT", "/event-type/paid", `{"description":"other"}`)
		require.JSONEq(t, want, get(), "a thing of its own")
		require.JSONEq(t, `{"retrySchedule":[]}`, w.must(t, 200, "PUT", path, `{"retrySchedule":[]}`).text)
		require.JSONEq(t, `{"retrySchedule":[]}`, get(), "no retries")
		require.JSONEq(t, `{"retrySchedule":null}`, w.must(t, 200, "PUT", path, `{"retrySchedule":null}`).text)
		require.JSONEq(t, `{"retrySchedule":null}`, get())
	}
	w.send(t, "GET", "/event-type/missing/retry-schedule", "").requireCode(t, 404, "not_found")
	w.send(t, "PUT", "/event-type/missing/retry-schedule", `{"retrySchedule":["5s"]}`).requireCode(t, 404, "not_found")
}
