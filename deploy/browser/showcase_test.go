package browser

import (
	"net/http"
	"testing"
)

// showcase makes an application with something of everything: endpoints in each state,
// messages that arrived, that wait and that failed, types with and without a schema.
func showcase(t *testing.T) application {
	t.Helper()
	types := map[string]string{
		"invoice.created": "An invoice was written.",
		"invoice.paid":    "An invoice was paid in full.",
		"customer.moved":  "A customer has another address.",
	}
	for name, description := range types {
		eventType(t, name, object{"description": description, "schemas": object{"1": object{
			"type": "object", "title": "Invoice", "required": []string{"invoice", "amount"},
			"properties": object{
				"invoice": object{"type": "integer", "description": "Number of the invoice.", "examples": []int{1017}},
				"amount":  object{"type": "string", "description": "What was paid, in euro.", "examples": []string{"129.00"}},
				"paidAt":  object{"type": "string", "format": "date-time"},
			},
		}}})
	}
	eventType(t, "ping", object{"description": "Says nothing but that we are there."})
	r := newReceiver(t)
	r.fails("/crm")
	a := newApplication(t, "Acme Inc.")
	a.endpoint(r.URL+"/orders", object{
		"description": "Order service", "eventTypes": []string{"invoice.paid", "invoice.created"},
		"headers": object{"X-Region": "eu", "Authorization": "Bearer secret"}, "metadata": object{"team": "sales"},
	})
	a.endpoint(r.URL+"/crm", object{"description": "CRM", "throttleRate": 50})
	a.endpoint(r.URL+"/old", object{"description": "Before the move", "disabled": true})
	a.endpoint(r.URL+"/partner", object{"description": "Partner", "verify": true})
	still := a.endpoint(r.URL+"/ledger", object{"description": "Ledger", "ordered": true, "retrySchedule": []string{"5s", "5m", "2h"}})
	call(t, http.MethodPost, "/app/"+a.uid+"/endpoint/"+still+"/pause", nil)
	for i := range 12 {
		name := []string{"invoice.paid", "invoice.created", "customer.moved"}[i%3]
		a.post(name, object{"invoice": 1017 + i, "amount": "129.00", "customer": object{"name": "Jane Doe", "city": "Ghent"}}, object{"tags": []string{"vip"}})
	}
	return a
}
