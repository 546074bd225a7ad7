package api

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/postrider/postrider/shared/event"
)

func exampleRoutes() []route {
	return []route{
		{"POST", endpointPath + "/send-example", forOperators, (*call).sendExample},
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

// example makes a payload of the newest schema of the event type. Of a type
// without one it tells no more than its name.
func (c *call) example(r *http.Request, f *form, name string, index int) ([]byte, error) {
	t, err := c.Store.EventType(r.Context(), name)
	if err != nil {
		return nil, err
	}
	payload := any(map[string]any{"type": name})
	if schema := newestSchema(t.Schemas); schema != nil {
		made, err := sample(schema, index)
		if errors.Is(err, errNoSample) {
			f.refuse("exampleIndex", err.Error())
			return nil, f.err()
		}
		if err != nil {
			return nil, err
		}
		if payload = made; !isMap(made) { // a payload is an object
			payload = map[string]any{"type": name, "data": made}
		}
	}
	return json.Marshal(payload)
}

func isMap(value any) bool {
	_, ok := value.(map[string]any)
	return ok
}
