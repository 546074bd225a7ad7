package browser

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/signature"
)

// TestCreateEndpoint: a mistake is explained beside the field that it is in, nothing
// that was filled in is lost by it, and put right it is taken.
func TestCreateEndpoint(t *testing.T) {
	t.Parallel()
	eventType(t, "endpoint.created", nil)
	r := newReceiver(t)
	p := open(t)
	p.endpoints(newApplication(t, "Creates"))
	p.click("Add endpoint")
	p.at("Add endpoint")
	p.fill("URL", "ftp://example.com")
	p.fill("Description", "My orders")
	p.click("endpoint.created")
	p.allow("422") // the console tells of every answer like that
	p.click("Add endpoint")
	require.NotEmpty(t, p.complains("URL"))
	p.settle()
	require.Empty(t, p.audit())
	require.Equal(t, "My orders", ask[string](p, `f.value("Description")`))
	require.True(t, ask[bool](p, `f.checked("endpoint.created")`))

	p.fill("URL", r.URL+"/created")
	p.click("Add endpoint")
	p.at("/created")
	p.sees("My orders", "endpoint.created")
	p.click("Edit")
	p.at("Edit endpoint")
	p.fill("Description", "Their orders")
	p.click("Save")
	p.at("/created")
	p.sees("Their orders")
	p.click("Endpoints")
	p.at("Endpoints")
	p.sees("/created", "Their orders")
}

// TestRotate: after a rotation both secrets verify what is sent.
func TestRotate(t *testing.T) {
	t.Parallel()
	eventType(t, "rotated", nil)
	r := newReceiver(t)
	a := newApplication(t, "Rotates")
	id := a.endpoint(r.URL+"/rotated", nil)
	p := open(t)
	p.endpoints(a)
	p.click("/rotated")
	p.at("/rotated")

	secret := func() string {
		p.at("Secret")
		require.NotContains(t, ask[string](p, "f.text()"), "whsec_", "it is shown on demand")
		p.click("Show secret")
		p.sees("whsec_")
		require.Empty(t, p.audit())
		return ask[string](p, `document.getElementById("secret").textContent`)
	}
	p.click("Show secret")
	before := secret()
	p.visit("/portal/endpoints/" + id)
	p.click("rotate it")
	p.at("Rotate")
	p.click("Rotate secret")
	p.sees("There is a new secret")
	after := secret()
	require.NotEqual(t, before, after)

	a.until(a.post("rotated", object{"n": 1}, nil), "success")
	arrived, bodies := r.arrived("/rotated")
	require.Len(t, arrived, 1)
	for name, key := range map[string]string{"the old one": before, "the new one": after} {
		v, err := signature.NewVerifier(signature.DefaultTolerance, key)
		require.NoError(t, err, name)
		require.NoError(t, v.Verify(arrived[0], []byte(bodies[0]), time.Now()), name)
	}
}

// TestPause: what comes while an endpoint is paused waits, and goes out afterwards.
func TestPause(t *testing.T) {
	t.Parallel()
	eventType(t, "paused", nil)
	r := newReceiver(t)
	a := newApplication(t, "Pauses")
	id := a.endpoint(r.URL+"/paused", nil)
	p := open(t)
	p.endpoints(a)
	p.click("/paused")
	p.click("Pause")
	p.sees("Paused")
	require.Equal(t, true, call(t, http.MethodGet, "/app/"+a.uid+"/endpoint/"+id, nil)["paused"])
	message := a.post("paused", object{"n": 1}, nil)
	p.click("Resume")
	p.sees("Resumed")
	a.until(message, "success")
	arrived, _ := r.arrived("/paused")
	require.Len(t, arrived, 1)
}

// TestDelete: what cannot be taken back is asked once more, with what it means.
func TestDelete(t *testing.T) {
	t.Parallel()
	a := newApplication(t, "Deletes")
	a.endpoint("https://example.com/deleted", nil)
	p := open(t)
	p.endpoints(a)
	p.click("/deleted")
	p.click("Disable…")
	p.at("Disable")
	p.sees("Nothing is sent")
	p.click("Disable endpoint")
	p.at("/deleted")
	p.sees("Disabled")
	p.click("Delete…")
	p.at("Delete")
	require.Empty(t, p.audit())
	p.click("Cancel")
	p.at("/deleted")
	p.click("Delete…")
	p.at("Delete")
	p.click("Delete endpoint")
	p.sees("No endpoints yet")
}

// TestTheme: a choice of colours goes before those of the system, and stays.
func TestTheme(t *testing.T) {
	t.Parallel()
	p := open(t)
	p.endpoints(newApplication(t, "Colours"))
	p.prefers("light")
	bright := func() string { return ask[string](p, "getComputedStyle(document.body).backgroundColor") }
	light := bright()
	p.click("Dark")
	await[bool](p, "it is dark", "getComputedStyle(document.body).backgroundColor !== "+quote(light))
	dark := bright()
	p.visit("/portal/endpoints")
	require.Equal(t, dark, bright())
	p.prefers("dark")
	p.click("Light")
	await[bool](p, "it is light", "getComputedStyle(document.body).backgroundColor === "+quote(light))
	p.click("Auto")
	await[bool](p, "it is as the system says", "getComputedStyle(document.body).backgroundColor === "+quote(dark))
	require.True(t, strings.HasSuffix(ask[string](p, "location.pathname"), "/portal/endpoints"), "the page stays")
}
