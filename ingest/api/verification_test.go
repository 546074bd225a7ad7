package api_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

// verification is what an endpoint shows of one.
func verification(state string, checkedAt, reason any) map[string]any {
	return map[string]any{"state": state, "checkedAt": checkedAt, "reason": reason}
}

// end ends the challenge of the endpoint of a path, as deliver would.
func (w *world) end(t *testing.T, tenant, endpoint event.ID, failure string) {
	t.Helper()
	e, err := w.store.Endpoint(t.Context(), tenant, store.Ref{ID: endpoint})
	require.NoError(t, err)
	require.NoError(t, w.store.EndVerification(t.Context(), tenant, endpoint, e.Verification.Challenge, failure))
}

// TestVerify follows what an endpoint shows of its verification.
func TestVerify(t *testing.T) {
	t.Parallel()
	w := start(t)
	app := w.app(t, `{"name":"a"}`)
	made := w.must(t, 201, "POST", "/app/"+app+"/endpoint", `{"url":"https://example.com/hook","uid":"one","verify":true}`)
	require.Equal(t, []any{true, verification("unverified", nil, nil)}, []any{made.body["verify"], made.body["verification"]})
	tenant, id, path := parse(t, event.Tenant, app), parse(t, event.Endpoint, made.id(t)), "/app/"+app+"/endpoint/one"
	look := func() any { return w.must(t, 200, "GET", path, "").body["verification"] }

	require.Equal(t, verification("pending", nil, nil), w.must(t, 202, "POST", path+"/verify", "").body["verification"])
	require.Len(t, w.board.published, 1)
	asks := w.board.published[0]
	require.Equal(t, []any{tenant, id, event.TypeVerification}, []any{asks.Tenant, asks.Endpoint, asks.Type})
	require.WithinDuration(t, time.Now().Add(store.ChallengeLife), asks.Expires, time.Minute)
	require.Equal(t, verification("pending", nil, nil), w.must(t, 202, "POST", path+"/verify", "").body["verification"])
	require.Len(t, w.board.published, 1, "it is being asked")

	w.end(t, tenant, id, "wrong_answer")
	failed := look().(map[string]any)
	require.Equal(t, verification("failed", failed["checkedAt"], "wrong_answer"), failed)
	require.NotNil(t, failed["checkedAt"])
	require.Equal(t, verification("pending", failed["checkedAt"], "wrong_answer"), w.must(t, 202, "POST", path+"/verify", "").body["verification"])
	require.Len(t, w.board.published, 2)
	w.end(t, tenant, id, "")
	verified := look().(map[string]any)
	require.Equal(t, verification("verified", verified["checkedAt"], nil), verified)

	for _, body := range []string{`{"description":"d"}`, `{"url":"https://example.com/other"}`} {
		require.Equal(t, verified, w.must(t, 200, "PATCH", path, body).body["verification"], body)
	}
	put := w.must(t, 200, "PUT", path, `{"url":"https://example.com/hook","uid":"one"}`)
	require.Equal(t, []any{true, verified}, []any{put.body["verify"], put.body["verification"]}, "who does not know of it changes nothing")
	require.Equal(t, verification("unverified", nil, nil), w.must(t, 200, "PATCH", path, `{"url":"https://example.org/hook"}`).body["verification"])

	w.must(t, 200, "PATCH", path, `{"disabled":true}`)
	w.send(t, "POST", path+"/verify", "").requireCode(t, 400, "endpoint_disabled")
	w.send(t, "POST", "/app/"+app+"/endpoint/missing/verify", "").requireCode(t, 404, "not_found")
	w.send(t, "PATCH", path, `{"verify":"yes"}`).requireInvalid(t, "body.verify")
}

// TestVerifyOften: nobody has an endpoint asked as often as he likes.
func TestVerifyOften(t *testing.T) {
	t.Parallel()
	var limited []api.Limit
	w := start(t, func(c *api.Config) { c.Limited = func(l api.Limit) { limited = append(limited, l) } })
	app := w.app(t, `{"name":"a"}`)
	endpoint := w.endpoint(t, app, `{"url":"https://example.com/hook"}`)
	path := "/app/" + app + "/endpoint/" + endpoint + "/verify"
	for range 5 {
		w.must(t, 202, "POST", path, "")
		w.end(t, parse(t, event.Tenant, app), parse(t, event.Endpoint, endpoint), "timeout")
	}
	refused := w.send(t, "POST", path, "")
	refused.requireCode(t, 429, "too_many_requests")
	wait, err := strconv.Atoi(refused.header.Get("Retry-After"))
	require.NoError(t, err)
	require.Positive(t, wait)
	require.LessOrEqual(t, wait, 60)
	require.Equal(t, []api.Limit{api.LimitChallenges}, limited)
	require.Len(t, w.board.published, 5)
}

// TestVerifyEndpoints is the rule that new endpoints are verified: members cannot get
// around it, operators can.
func TestVerifyEndpoints(t *testing.T) {
	t.Parallel()
	w := start(t, withSecret, func(c *api.Config) { c.Verify = true })
	app := w.app(t, `{"name":"a"}`)
	endpoints := "/app/" + app + "/endpoint"
	member := w.member(t, app, `{}`)
	const refused = "body.verify"

	theirs := w.sendAs(t, member, "POST", endpoints, `{"url":"https://example.com/"}`)
	require.Equal(t, true, theirs.body["verify"], theirs.text)
	its := endpoints + "/" + theirs.id(t)
	w.sendAs(t, member, "POST", endpoints, `{"url":"https://example.com/","verify":false}`).requireInvalid(t, refused)
	w.sendAs(t, member, "PATCH", its, `{"verify":false}`).requireInvalid(t, refused)
	w.sendAs(t, member, "PUT", its, `{"url":"https://example.com/","verify":false}`).requireInvalid(t, refused)
	w.sendAs(t, member, "PUT", endpoints+"/new", `{"url":"https://example.com/","verify":false}`).requireInvalid(t, refused)
	require.Equal(t, true, w.must(t, 200, "PUT", its, `{"url":"https://example.com/"}`).body["verify"])

	require.Equal(t, false, w.must(t, 200, "PATCH", its, `{"verify":false}`).body["verify"], "an operator")
	require.Equal(t, false, w.sendAs(t, member, "PATCH", its, `{"url":"https://example.com/other","verify":false}`).body["verify"], "it was so before")
	w.sendAs(t, member, "PATCH", its, `{"url":"https://example.org/","verify":false}`).requireInvalid(t, refused)
	require.Equal(t, true, w.sendAs(t, member, "PATCH", its, `{"url":"https://example.org/"}`).body["verify"], "another host")
	require.Equal(t, false, w.must(t, 200, "PATCH", its, `{"url":"https://example.net/","verify":false}`).body["verify"])
	require.Equal(t, false, w.must(t, 201, "POST", endpoints, `{"url":"https://example.com/","verify":false}`).body["verify"])
	require.Equal(t, false, w.must(t, 201, "POST", "/operational-webhook/endpoint", `{"url":"https://example.com/"}`).body["verify"])
}

// TestToldOfVerification: operators hear how it ended.
func TestToldOfVerification(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.must(t, 201, "POST", "/operational-webhook/endpoint",
		`{"url":"https://example.com/ops","filterTypes":["endpoint.verification.succeeded","endpoint.verification.failed"]}`)
	app := w.app(t, `{"name":"a"}`)
	endpoint := w.endpoint(t, app, `{"url":"https://example.com/hook","verify":true}`)
	for _, failure := range []string{"dns", ""} {
		w.must(t, 202, "POST", "/app/"+app+"/endpoint/"+endpoint+"/verify", "")
		w.end(t, parse(t, event.Tenant, app), parse(t, event.Endpoint, endpoint), failure)
	}
	told, _, err := w.store.Events(t.Context(), store.SystemTenant, store.PostedFilter{}, store.Page[event.ID]{Limit: 10, Ascending: true}, false)
	require.NoError(t, err)
	require.Len(t, told, 2)
	require.Equal(t, []string{store.VerificationFailed, store.VerificationSucceeded}, []string{told[0].Type, told[1].Type})
}
