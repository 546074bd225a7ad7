package browser

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestNoisy: the operator sees who has most of the pipeline, limits it and stops it.
func TestNoisy(t *testing.T) {
	t.Parallel()
	eventType(t, "noise", nil)
	r := newReceiver(t)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) }) // before the receiver is closed
	r.answer("/slow", func(http.ResponseWriter, *http.Request) { <-release })
	a := newApplication(t, "Noisy neighbour")
	a.endpoint(r.URL+"/slow", nil)
	for i := range 20 {
		a.post("noise", object{"n": i}, nil)
	}

	p := open(t)
	p.operator()
	p.click("Top talkers")
	p.at("Top talkers")
	p.sees("Noisy neighbour", "/slow")
	p.click("Noisy neighbour")
	p.at("Noisy neighbour")
	p.click("Edit")
	p.fill("Limit", "many")
	p.allow("422") // the console tells of every answer like that
	p.click("Save")
	require.NotEmpty(t, p.complains("Limit"))
	p.fill("Limit", "5")
	p.click("Save")
	p.at("Noisy neighbour")
	p.sees("5 deliveries a second")
	p.click("Pause")
	p.sees("Nothing is sent to any of its endpoints")
	require.Equal(t, true, call(t, http.MethodGet, "/app/"+a.uid, nil)["paused"])
	p.click("Resume")
	p.sees("Active")
}

// TestOpenPortal: the operator sees the pages as the people of an application do.
func TestOpenPortal(t *testing.T) {
	t.Parallel()
	newApplication(t, "Seen by the operator")
	p := open(t)
	p.operator()
	p.click("Applications")
	p.at("Applications")
	p.fill("Name, uid or id", "Seen by")
	p.click("Search")
	p.click("Seen by the operator")
	p.at("Seen by the operator")
	p.click("Open portal")
	p.at("Portal of Seen by the operator")
	require.Empty(t, p.audit())
	p.visit(ask[string](p, `document.querySelector("a[target=_blank]").href`))
	p.at("Overview")
	p.sees("Seen by the operator", "What to do first")
}

// TestKeys: a key is shown once, and can be taken back.
func TestKeys(t *testing.T) {
	t.Parallel()
	p := open(t)
	p.operator()
	p.click("API keys")
	p.at("API keys")
	p.click("Add key")
	p.at("Add key")
	p.fill("Name", "Shipping")
	p.click("publish")
	p.click("Add key")
	p.at("Shipping")
	p.sees("the only time")
	p.click("Done")
	p.at("API keys")
	p.sees("Shipping", "publish")
	p.click("Delete Shipping")
	p.at("Delete")
	p.click("Delete key")
	p.at("API keys")
	require.NotContains(t, ask[string](p, "f.text()"), "Shipping")
}

// TestRedrive: the operator finds dead letters, has them sent again and sees how far that is.
func TestRedrive(t *testing.T) {
	t.Parallel()
	eventType(t, "redriven", nil)
	r := newReceiver(t)
	r.fails("/redriven")
	a := newApplication(t, "Redrives")
	a.endpoint(r.URL+"/redriven", nil)
	var messages []string
	for i := range 3 {
		messages = append(messages, a.post("redriven", object{"n": i}, nil))
	}
	for _, message := range messages {
		a.until(message, "fail")
	}
	r.answer("/redriven", nil)

	p := open(t)
	p.operator()
	p.click("Dead letters")
	p.at("Dead letters")
	p.fill("Application", a.uid)
	p.click("Search")
	p.sees(messages...)
	p.click("Send again…")
	require.Empty(t, p.audit())
	p.click("Send them again")
	p.sees("Looked at", "Done")
	for _, message := range messages {
		a.until(message, "success")
	}
}
