package browser

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTry: an example is sent from the page, and what becomes of it is seen there as it
// happens, without anybody asking again.
func TestTry(t *testing.T) {
	t.Parallel()
	eventType(t, "tried", object{"schemas": object{"1": object{
		"type": "object", "properties": object{"greeting": object{"type": "string", "examples": []string{"good morning"}}},
	}}})
	r := newReceiver(t)
	arrived, release := make(chan struct{}), make(chan struct{})
	r.answer("/tried", func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-release
		w.WriteHeader(http.StatusAccepted)
	})
	a := newApplication(t, "Tries")
	a.endpoint(r.URL+"/tried", nil)
	p := open(t)
	p.member(a)
	p.click("Try it")
	p.at("Try it")
	p.choose("Event type", "tried")
	p.sees("good morning")
	p.click("Send example")
	<-arrived
	p.sees("On its way")
	ask[any](p, "globalThis.same = true") // it would be gone with the page
	close(release)
	p.sees("Attempt 1", "202")
	require.True(t, ask[bool](p, "globalThis.same === true"), "the page has been replaced")
	require.Empty(t, p.audit())
	_, bodies := r.arrived("/tried")
	require.Equal(t, []string{`{"greeting":"good morning"}`}, bodies)
}
