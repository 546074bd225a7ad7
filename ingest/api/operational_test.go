package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	svix "github.com/svix/svix-webhooks/go"
	"github.com/svix/svix-webhooks/go/models"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// TestOperationalEndpoints does with the published client what it can do.
func TestOperationalEndpoints(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	w := startOn(t, testkit.Open(t, url))
	c, ctx := client(t, w).OperationalWebhookEndpoint, t.Context()
	made, err := c.Create(ctx, models.OperationalWebhookEndpointIn{
		Url: "https://example.com/ops", Uid: new("ops"), FilterTypes: []string{"endpoint.created", "message.attempt.exhausted"},
	}, &svix.OperationalWebhookEndpointCreateOptions{IdempotencyKey: new("k")})
	require.NoError(t, err)
	again, err := c.Create(ctx, models.OperationalWebhookEndpointIn{
		Url: "https://example.com/ops", Uid: new("ops"), FilterTypes: []string{"endpoint.created", "message.attempt.exhausted"},
	}, &svix.OperationalWebhookEndpointCreateOptions{IdempotencyKey: new("k")})
	require.NoError(t, err)
	require.Equal(t, made, again)
	got, err := c.Get(ctx, "ops")
	require.NoError(t, err)
	require.Equal(t, made.Id, got.Id)
	list, err := c.List(ctx, nil)
	require.NoError(t, err)
	require.Len(t, list.Data, 1)
	changed, err := c.Update(ctx, "ops", models.OperationalWebhookEndpointUpdate{Url: "https://example.com/new", Uid: new("ops"), ThrottleRate: new(uint16(5))})
	require.NoError(t, err)
	require.Equal(t, []any{made.Id, "https://example.com/new", new(uint16(5))}, []any{changed.Id, changed.Url, changed.ThrottleRate})
	before, err := c.GetSecret(ctx, "ops")
	require.NoError(t, err)
	require.NoError(t, c.RotateSecret(ctx, "ops", models.OperationalWebhookEndpointSecretIn{}, nil))
	after, err := c.GetSecret(ctx, "ops")
	require.NoError(t, err)
	require.NotEqual(t, before.Key, after.Key)
	require.NoError(t, c.UpdateHeaders(ctx, "ops", models.OperationalWebhookEndpointHeadersIn{Headers: map[string]string{"X-A": "1"}}))
	headers, err := c.GetHeaders(ctx, "ops")
	require.NoError(t, err)
	require.Equal(t, map[string]string{"X-A": "1"}, headers.Headers)

	w.endpoint(t, w.app(t, `{"name":"a"}`), `{"url":"https://example.com/"}`)
	require.Equal(t, "endpoint.created", testkit.Value[string](t, url, `SELECT event_type FROM events`), "the one of the application")
	require.NoError(t, c.Delete(ctx, "ops"))
	_, err = c.Get(ctx, "ops")
	require.Error(t, err)
}

// TestSystemTenantIsNobodys: it is no application, by whatever way.
func TestSystemTenantIsNobodys(t *testing.T) {
	t.Parallel()
	w := start(t)
	app, system := w.app(t, `{"name":"a"}`), event.Tenant.Format(store.SystemTenant)
	ours := w.must(t, 201, "POST", "/operational-webhook/endpoint", `{"url":"https://example.com/"}`).id(t)
	theirs := w.endpoint(t, app, `{"url":"https://example.com/"}`)
	for _, order := range []string{"ascending", "descending"} {
		require.Equal(t, []any{app}, w.must(t, 200, "GET", "/app?order="+order, "").data(t, "id"))
	}
	for _, call := range append(writes(system, ours),
		struct{ method, path, body string }{"GET", "/app/" + system, ""},
		struct{ method, path, body string }{"DELETE", "/app/" + system, ""},
		struct{ method, path, body string }{"GET", "/app/" + system + "/endpoint/" + ours, ""},
		struct{ method, path, body string }{"GET", "/app/" + app + "/endpoint/" + ours, ""},
	) {
		// What has no application in its path cannot mean it, and the PUT makes one
		// of another id, as for any that is not there.
		if strings.HasPrefix(call.path, "/app/") && call.method+call.path != "PUT/app/"+system {
			w.must(t, http.StatusNotFound, call.method, call.path, call.body)
		}
	}
	w.must(t, http.StatusNotFound, "GET", "/operational-webhook/endpoint/"+theirs, "")
}

// TestOperationalSecretIsNoMembers: whoever may see the keys of an application or
// all that is no key does not see this one.
func TestOperationalSecretIsNoMembers(t *testing.T) {
	t.Parallel()
	w := start(t, withSecret)
	path := "/operational-webhook/endpoint/" + w.must(t, 201, "POST", "/operational-webhook/endpoint", `{"url":"https://example.com/"}`).id(t)
	member := w.member(t, w.app(t, `{"name":"a"}`), `{"capabilities":["ViewBase","ViewEndpointSecret","ManageEndpoint","ManageEndpointSecret"]}`)
	reader := w.must(t, 201, "POST", "/api-key", `{"name":"a","scopes":["read"]}`).body["token"].(string)
	require.Equal(t, http.StatusOK, w.sendAs(t, reader, "GET", path, "").status)
	for _, bearer := range []string{member, reader} {
		require.Equal(t, http.StatusForbidden, w.sendAs(t, bearer, "GET", path+"/secret", "").status)
		require.Equal(t, http.StatusForbidden, w.sendAs(t, bearer, "POST", path+"/secret/rotate", "").status)
	}
	require.Equal(t, http.StatusForbidden, w.sendAs(t, member, "GET", path, "").status)
}

func TestBadOperationalEndpoints(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.must(t, 201, "POST", "/event-type", `{"name":"invoice.paid","description":""}`)
	const path = "/operational-webhook/endpoint"
	there := path + "/" + w.must(t, 201, "POST", path, `{"url":"https://example.com/","filterTypes":["endpoint.deleted"]}`).id(t)
	for body, place := range map[string]string{
		`{"url":"https://example.com/","filterTypes":["invoice.paid"]}`: "body.eventTypes",
		`{"url":"https://example.com/","filterTypes":[]}`:               "body.filterTypes",
		`{"url":"https://example.com/","channels":["a"]}`:               "body.channels",
		`{"url":"http://127.0.0.1/"}`:                                   "body.url",
		`{}`:                                                            "body.url",
	} {
		w.send(t, "POST", path, body).requireInvalid(t, place)
		w.send(t, "PUT", there, body).requireInvalid(t, place)
	}
	require.Len(t, w.must(t, 200, "GET", path, "").data(t, "id"), 1)
	require.Equal(t, []any{"endpoint.deleted"}, w.must(t, 200, "GET", there, "").body["filterTypes"])
	w.must(t, http.StatusMethodNotAllowed, "PATCH", there, `{}`)
}
