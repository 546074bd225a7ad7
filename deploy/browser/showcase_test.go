package browser

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"
)

// showcase makes an application with something of everything: endpoints in each state,
// a day of messages, some that arrived by themselves and some that failed, a job, types
// with a schema and without.
func showcase(t *testing.T) application {
	t.Helper()
	for name, description := range map[string]string{
		"invoice.created": "An invoice was written.",
		"invoice.paid":    "An invoice was paid in full.",
		"customer.moved":  "A customer has another address.",
	} {
		eventType(t, name, object{"description": description, "groupName": "billing", "schemas": object{"1": object{
			"type": "object", "title": "Invoice", "required": []string{"invoice", "amount"},
			"properties": object{
				"invoice": object{"type": "integer", "description": "Number of the invoice.", "examples": []int{1017}},
				"amount":  object{"type": "string", "description": "What was paid, in euro.", "examples": []string{"129.00"}},
				"paidAt":  object{"type": "string", "format": "date-time"},
			},
		}}})
	}
	eventType(t, "heartbeat", object{"description": "Comes all the time."})
	eventType(t, "ping", object{"description": "Says nothing but that we are there."})
	r := newReceiver(t)
	r.fails("/failing")
	a := newApplication(t, "Acme Inc.")
	const acme = "https://hooks.acme.example/"
	a.endpoint(acme+"old", object{"description": "Before the move", "disabled": true})
	a.endpoint(acme+"partner", object{"description": "Partner", "verify": true, "eventTypes": []string{"customer.moved"}})
	still := a.endpoint(acme+"ledger", object{"description": "Ledger", "ordered": true, "retrySchedule": []string{"5s", "5m", "2h"}})
	call(t, http.MethodPost, "/app/"+a.uid+"/endpoint/"+still+"/pause", nil)
	failing := a.endpoint(r.URL+"/failing", object{"description": "Tests of the new version", "eventTypes": []string{"ping"}, "throttleRate": 50})
	a.endpoint(r.URL+"/staging", object{"description": "Staging", "eventTypes": []string{"ping", "heartbeat"}})
	ill := a.endpoint(acme+"crm", object{"description": "CRM", "eventTypes": []string{"invoice.paid", "invoice.created", "customer.moved"}})
	well := a.endpoint(acme+"orders", object{
		"description": "Order service", "eventTypes": []string{"invoice.paid", "invoice.created"},
		"headers": object{"X-Region": "eu", "Authorization": "Bearer secret"}, "metadata": object{"team": "sales"},
	})
	a.history(well, ill)
	for range 3 {
		a.settled(a.post("ping", object{"text": "hello"}, object{"tags": []string{"vip"}, "channels": []string{"eu"}}))
	}
	call(t, http.MethodPost, "/app/"+a.uid+"/endpoint/"+failing+"/recover", object{"since": time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)})
	call(t, http.MethodPost, "/app/"+a.uid+"/dlq/redrive", object{"reason": "tls"}) // a job that finds nothing
	call(t, http.MethodPost, "/api-key", object{"name": "Billing", "scopes": []string{"publish"}})
	return a
}

// busy posts to an application until the test ends, so that there is something to see.
func (a application) busy() {
	ctx, stop := context.WithCancel(a.t.Context())
	var posting sync.WaitGroup
	posting.Go(func() {
		for ctx.Err() == nil {
			a.post("heartbeat", object{"text": "still here"}, nil)
			time.Sleep(time.Duration(20+rand.IntN(60)) * time.Millisecond)
		}
	})
	a.t.Cleanup(func() {
		stop()
		posting.Wait()
	})
}
