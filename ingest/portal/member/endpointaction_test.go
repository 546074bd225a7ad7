package member_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/portal/portaltest"
)

// endpoint makes one, and returns its path in the API and that of its page.
func endpoint(t *testing.T, w *portaltest.World, app, body string) (api, page string) {
	t.Helper()
	id := portaltest.ID(t, w.API(t, "POST", "/app/"+app+"/endpoint", body))
	return "/app/" + app + "/endpoint/" + id, "/portal/endpoints/" + id
}

// TestStopping: each way to stop an endpoint does what its page said, and can be taken
// back unless it said otherwise.
func TestStopping(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	app := w.App(t, "Acme")
	api, page := endpoint(t, w, app, `{"url":"https://x.example/in"}`)
	v := w.Member(t, app)
	is := func(field string, want any, says string) {
		t.Helper()
		require.Equal(t, want, w.API(t, "GET", api, "")[field])
		require.Contains(t, v.Get(page).Text, says)
	}
	require.Equal(t, page, v.Post(page+"/pause").Location)
	is("paused", true, "Messages wait")
	require.Equal(t, page, v.Post(page+"/resume").Location)
	is("paused", false, "Active")

	require.Contains(t, v.Get(page+"/disable").Text, "dead letters")
	is("disabled", false, "Active")
	require.Equal(t, page, v.Post(page+"/disable").Location)
	is("disabled", true, "It was disabled by hand")
	require.Equal(t, page, v.Post(page+"/enable").Location)
	is("disabled", false, "Active")

	require.Contains(t, v.Get(page+"/delete").Text, "cannot be taken back")
	require.Equal(t, "/portal/endpoints", v.Post(page+"/delete").Location)
	require.Contains(t, v.Get("/portal/endpoints").Text, "The endpoint was deleted.")
	require.Equal(t, http.StatusNotFound, v.Get(page).Status)
}

// TestVerify: an endpoint that has to be verified says so, and asks for it.
func TestVerify(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	app := w.App(t, "Acme")
	_, page := endpoint(t, w, app, `{"url":"https://x.example/in","verify":true}`)
	v := w.Member(t, app)
	require.Contains(t, v.Get(page).Text, "Not verified")
	require.Equal(t, page, v.Post(page+"/verify").Location)
	require.Contains(t, v.Get(page).Text, "Being verified")
}

// TestReadOnly: who may only look is told that they may not do what they tried, and it
// is not done.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	app := w.App(t, "Acme")
	api, page := endpoint(t, w, app, `{"url":"https://x.example/in"}`)
	v := w.Visitor(t)
	require.Equal(t, "/portal/", v.Post("/login", "key", w.Link(t, app, `{"readOnly":true}`)).Location)
	require.Equal(t, http.StatusOK, v.Get(page).Status)
	for _, path := range []string{"/pause", "/delete", "/disable", "/secret", "/rotate", "/headers"} {
		p := v.Post(page+path, "headers", "X-A", "value", "b", "gracePeriodSeconds", "0")
		require.Equal(t, http.StatusForbidden, p.Status, path)
		require.Contains(t, p.Text, "You may not do this")
	}
	e := w.API(t, "GET", api, "")
	require.Equal(t, false, e["paused"])
	require.Equal(t, false, e["disabled"])
}

// TestSecret: it is shown to who asks for it and nowhere else; a rotation makes another.
func TestSecret(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	app := w.App(t, "Acme")
	api, page := endpoint(t, w, app, `{"url":"https://x.example/in"}`)
	key, _ := w.API(t, "GET", api+"/secret", "")["key"].(string)
	v := w.Member(t, app)
	for _, path := range []string{"", "/edit", "/secret", "/rotate"} {
		require.False(t, v.Get(page+path).Shows(key), path)
	}
	require.True(t, v.Post(page+"/secret").Shows(key))

	p := v.Post(page+"/rotate", "gracePeriodSeconds", "86400", "key", "whsec_short")
	require.Equal(t, http.StatusUnprocessableEntity, p.Status)
	require.Contains(t, p.Text, `id="key-fault"`)
	require.False(t, p.Shows("whsec_short"))
	require.Equal(t, page+"/secret", v.Post(page+"/rotate", "gracePeriodSeconds", "86400").Location)
	require.NotEqual(t, key, w.API(t, "GET", api+"/secret", "")["key"])
}

// TestHeaders: they are set and deleted one by one; what looks like a credential is not
// shown again, and what is not allowed is told at its field.
func TestHeaders(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	app := w.App(t, "Acme")
	api, page := endpoint(t, w, app, `{"url":"https://x.example/in"}`)
	v := w.Member(t, app)
	require.Equal(t, page+"/headers", v.Post(page+"/headers", "headers", "X-Tenant", "value", "blue").Location)
	require.Equal(t, page+"/headers", v.Post(page+"/headers", "headers", "Authorization", "value", "Basic c2VjcmV0").Location)
	p := v.Get(page + "/headers")
	require.Contains(t, p.Text, "blue")
	require.Contains(t, p.Text, "Authorization")
	require.NotContains(t, p.Text, "c2VjcmV0")
	p = v.Post(page+"/headers", "headers", "Host", "value", "evil")
	require.Equal(t, http.StatusUnprocessableEntity, p.Status)
	require.Contains(t, p.Text, `id="headers-fault"`)
	require.Equal(t, page+"/headers", v.Post(page+"/headers/delete", "headers", "X-Tenant").Location)
	require.Equal(t, map[string]any{}, w.API(t, "GET", api+"/headers", "")["headers"])
}
