package api

import "net/http"

// precheck tells whether a message would be delivered to anybody.
func (c *call) precheck(r *http.Request) (reply, error) {
	f, err := readForm(r)
	if err != nil {
		return reply{}, err
	}
	var eventType string
	var channels []string
	f.require("eventType")
	if member(f, "eventType", &eventType) {
		f.name("eventType", eventType)
	}
	f.names("channels", maxMessageChannels, &channels)
	if err := f.err(); err != nil {
		return reply{}, err
	}
	tenant, err := c.tenant(r)
	if err != nil {
		return reply{}, err
	}
	active, err := c.Store.Wanted(r.Context(), tenant.ID, eventType, channels)
	if err != nil {
		return reply{}, err
	}
	return ok(struct {
		Active bool `json:"active"`
	}{active}), nil
}
