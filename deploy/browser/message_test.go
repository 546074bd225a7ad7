package browser

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestResend: a failed message is found, read and sent again, and the page shows by
// itself that it arrived.
func TestResend(t *testing.T) {
	t.Parallel()
	eventType(t, "invoice.failed", nil)
	r := newReceiver(t)
	r.fails("/resent")
	a := newApplication(t, "Resends")
	a.endpoint(r.URL+"/resent", nil)
	message := a.post("invoice.failed", object{"invoice": 1017}, object{"eventId": "invoice-1017"})
	a.until(message, "fail")

	p := open(t)
	p.member(a)
	p.click("Messages")
	p.at("Messages")
	p.fill("Id or event id", "invoice-1017")
	p.click("Search")
	p.at("invoice.failed")
	p.sees("Timeline", "503", "1017")
	p.click("Attempt 1")
	p.at("Attempt")
	p.sees("in maintenance", "503")
	p.click("invoice.failed")
	p.at("invoice.failed")
	r.answer("/resent", nil)
	p.click("Resend")
	p.sees("Delivered")
	a.until(message, "success")
	require.Empty(t, p.audit())
}

// TestRecover: what an endpoint failed to take is sent again, and how far that is can be
// seen.
func TestRecover(t *testing.T) {
	t.Parallel()
	eventType(t, "recovered", nil)
	r := newReceiver(t)
	r.fails("/recovered")
	a := newApplication(t, "Recovers")
	a.endpoint(r.URL+"/recovered", nil)
	var messages []string
	for i := range 5 {
		messages = append(messages, a.post("recovered", object{"n": i}, nil))
	}
	for _, message := range messages {
		a.until(message, "fail")
	}
	r.answer("/recovered", nil)

	p := open(t)
	p.endpoints(a)
	p.click("/recovered")
	p.at("/recovered")
	p.click("Recover failed…")
	p.at("Recover")
	p.click("Recover")
	p.sees("Looked at", fmt.Sprintf("%d", len(messages)))
	for _, message := range messages {
		a.until(message, "success")
	}
	p.sees("Done")
	p.click("Jobs")
	p.at("Jobs")
	p.sees("Done")
}
