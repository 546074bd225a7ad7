package api

import (
	"encoding/json"
	"net/http"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

func exampleRoutes() []route {
	return []route{
		{"GET", "/event-type/{name}/example", forMembers, (*call).getExamples},
		{"POST", endpointPath + "/send-example", forReplayers, (*call).sendExample},
	}
}

// sendExample posts a message that is an example of its type, for one endpoint
// alone. From there on it is a message like any other.
func (c *call) sendExample(r *http.Request) (reply, error) {
	body, err := readBody(r)
	if err != nil {
		return reply{}, err
	}
	f, err := parseForm(body)
	if err != nil {
		return reply{}, err
	}
	d := newDraft(f, append([]byte(r.URL.Path+"\n"), body...))
	e := &d.event
	var index int
	f.require("eventType")
	if member(f, "eventType", &e.Type) {
		f.name("eventType", e.Type)
	}
	if clearable(f, "exampleIndex", &index) && index < 0 {
		f.refuse("exampleIndex", "must be 0 or more")
	}
	if err := f.err(); err != nil {
		return reply{}, err
	}
	if e.IdempotencyKey, err = idempotencyKey(r.Header); err != nil {
		return reply{}, err
	}
	to, err := c.liveEndpoint(r)
	if err != nil {
		return reply{}, err
	}
	if e.Payload, err = c.example(r, f, e.Type, index); err != nil {
		return reply{}, err
	}
	e.Endpoint = to.ID
	if err := c.accept(r.Context(), event.Tenant.Format(to.Tenant), d); err != nil {
		return reply{}, err
	}
	return ok(showMessage(e.Posted(), true)), d.err
}

// example is the payload of that index, of an event type that the caller sees.
func (c *call) example(r *http.Request, f *form, name string, index int) ([]byte, error) {
	t, err := c.visibleType(r, name)
	if err != nil {
		return nil, err
	}
	payloads, given, err := examplesOf(t)
	if err != nil {
		return nil, err
	}
	if !given {
		index = 0 // there is one, whichever was asked for
	}
	if index >= len(payloads) {
		f.refuse("exampleIndex", "the schema has no example of this index")
		return nil, f.err()
	}
	return json.Marshal(payloads[index])
}

// getExamples shows what send-example would send, by its index.
func (c *call) getExamples(r *http.Request) (reply, error) {
	name, err := nameOf(r)
	if err != nil {
		return reply{}, err
	}
	t, err := c.visibleType(r, name)
	if err != nil {
		return reply{}, err
	}
	payloads, _, err := examplesOf(t)
	if err != nil {
		return reply{}, err
	}
	return ok(struct {
		Data []any `json:"data"`
	}{payloads}), nil
}

// examplesOf are the payloads that the newest schema of an event type gives, or the
// one that is made of it. Of a type without a schema it tells no more than its name.
func examplesOf(t *store.EventType) (payloads []any, given bool, err error) {
	schema := newestSchema(t.Schemas)
	if schema == nil {
		return []any{map[string]any{"type": t.Name}}, false, nil
	}
	if payloads, given, err = samples(schema); err != nil {
		return nil, false, err
	}
	for i, made := range payloads {
		if !isMap(made) { // a payload is an object
			payloads[i] = map[string]any{"type": t.Name, "data": made}
		}
	}
	return payloads, given, nil
}

func isMap(value any) bool {
	_, ok := value.(map[string]any)
	return ok
}
