package browser

import (
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTry: who sends an example sees it arrive without touching anything, and then how
// to know that it is from us.
func TestTry(t *testing.T) {
	t.Parallel()
	p, r := open(t), newReceiver(t)
	eventType(t, "try.it", object{"description": "Tried.", "schemas": object{"1": object{"examples": []object{{"is": "an example"}}}}})
	looked := make(chan struct{})
	r.answer("/try", func(w http.ResponseWriter, request *http.Request) {
		select {
		case <-looked:
		case <-request.Context().Done():
		}
		_, _ = io.WriteString(w, "thank you")
	})
	a := newApplication(t, "Try it")
	a.endpoint(r.URL+"/try", object{"eventTypes": []string{"try.it"}})
	p.member(a)
	p.sees("What to do first")
	p.click("Try it")
	p.at("Try it")
	p.sees(`"is": "an example"`)
	p.click("Send example")
	p.sees("On its way")
	require.NotContains(t, ask[string](p, "f.text()"), "Arrived")
	close(looked)
	p.sees("Arrived", "thank you", "Succeeded")

	p.click("Signatures")
	p.at("Signatures")
	require.NotContains(t, ask[string](p, "f.text()"), "Hide the secret")
	p.click("Show with the secret")
	p.sees("Hide the secret")
	p.click("Python")
	p.sees("hmac.compare_digest")
}
