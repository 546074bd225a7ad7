package api

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

func messageRoutes() []route {
	return []route{
		{"GET", appPath + "/msg", forMembers, (*call).listMessages},
		{"POST", appPath + "/msg", forProducers, (*call).createMessage},
		{"POST", batchPath, forProducers, (*call).createMessages},
		{"POST", appPath + "/msg/precheck/active", forProducers, (*call).precheck},
		{"GET", messagePath, forMembers, (*call).getMessage},
	}
}

// message is an event as clients see it.
type message struct {
	ID        string          `json:"id"`
	EventType string          `json:"eventType"`
	EventID   *string         `json:"eventId"`
	Channels  []string        `json:"channels"`
	Tags      []string        `json:"tags,omitempty"`
	Payload   json.RawMessage `json:"payload"`
	Timestamp time.Time       `json:"timestamp"`
	DeliverAt *time.Time      `json:"deliverAt,omitempty"`

	Deliveries *deliveries `json:"deliveries,omitempty"` // only where they are asked for
}

// deliveries is at how many endpoints what became of a message.
type deliveries struct {
	Success int `json:"success"`
	Sending int `json:"sending"`
	Fail    int `json:"fail"`
}

func showMessage(p *store.Posted, content bool) message {
	m := message{
		ID: event.Message.Format(p.ID), EventType: p.Type, EventID: none(p.UID), Channels: p.Channels, Tags: p.Tags,
		Payload: json.RawMessage(`{}`), Timestamp: p.ID.Time(),
	}
	if !p.DeliverAt.IsZero() {
		m.DeliverAt = new(p.DeliverAt.UTC())
	}
	if content {
		m.Payload = showPayload(p.Payload)
	}
	return m
}

// showPayload shows a payload as the object that clients expect: as it is, or,
// when it was posted raw and is none, in the member that it was posted in.
func showPayload(payload []byte) json.RawMessage {
	if isObject(payload) && json.Valid(payload) {
		return payload
	}
	raw, err := json.Marshal(map[string]string{"rawPayload": string(payload)})
	if err != nil {
		return json.RawMessage(`{}`)
	}
	return raw
}

func isObject(raw []byte) bool { return len(raw) > 0 && raw[0] == '{' }

func (c *call) getMessage(r *http.Request) (reply, error) {
	p := readParams(r)
	content := p.flag("with_content", true)
	if err := p.err(); err != nil {
		return reply{}, err
	}
	m, err := c.message(r, content)
	if err != nil {
		return reply{}, err
	}
	return ok(showMessage(m, content)), nil
}

// events reads which messages are asked for.
func (p *params) events() store.EventFilter {
	return store.EventFilter{
		Types: p.names("event_types"), Channel: p.name("channel"), Tag: p.name("tag"), After: p.moment("after"), Before: p.moment("before"),
	}
}

func (c *call) listMessages(r *http.Request) (reply, error) {
	p := readParams(r)
	filter := store.PostedFilter{EventFilter: p.events(), Fate: store.Fate{State: p.state(), Codes: p.codes()}}
	page := p.history(event.Message, filter.After)
	content, counted, endpoint := p.flag("with_content", true), p.flag("with_deliveries", false), p.name("endpoint_id")
	if err := p.err(); err != nil {
		return reply{}, err
	}
	tenant, err := c.tenant(r)
	if err != nil {
		return reply{}, err
	}
	if endpoint != "" {
		if filter.Endpoint, err = c.endpointNamed(r, tenant.ID, endpoint); err != nil {
			return reply{}, err
		}
	}
	events, rest, err := c.Store.Events(r.Context(), tenant.ID, filter, page, content)
	if err != nil {
		return reply{}, err
	}
	var counts map[event.ID]store.Deliveries
	if counted {
		ids := make([]event.ID, len(events))
		for i := range events {
			ids[i] = events[i].ID
		}
		if counts, err = c.Store.Deliveries(r.Context(), ids); err != nil {
			return reply{}, err
		}
	}
	show := func(m *store.Posted) message {
		shown := showMessage(m, content)
		if d := counts[m.ID]; counted {
			shown.Deliveries = &deliveries{d.Success, d.Sending, d.Failed}
		}
		return shown
	}
	return historyOf(events, page, rest, event.Message, show, func(m *store.Posted) event.ID { return m.ID }), nil
}

// endpointNamed finds an endpoint of a tenant by its id or uid.
func (c *call) endpointNamed(r *http.Request, tenant event.ID, name string) (event.ID, error) {
	ref, err := refOf(event.Endpoint, name)
	if err != nil {
		return event.ID{}, err
	}
	e, err := c.Store.Endpoint(r.Context(), tenant, ref)
	if err != nil {
		return event.ID{}, err
	}
	return e.ID, nil
}
