package api

import (
	"net/http"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

func expungeRoutes() []route {
	return []route{
		{"DELETE", messagePath + "/content", forOperators, (*call).expungeMessage},
		{"DELETE", messagePath + "/attempt/{attempt_id}/content", forOperators, (*call).expungeAttempt},
	}
}

// expungeMessage removes the payload of a message.
func (c *call) expungeMessage(r *http.Request) (reply, error) {
	m, err := c.message(r, false)
	if err != nil {
		return reply{}, err
	}
	return done(), c.Store.ExpungeEvent(r.Context(), m.Tenant, m.ID)
}

// expungeAttempt removes what was answered to an attempt.
func (c *call) expungeAttempt(r *http.Request) (reply, error) {
	m, err := c.message(r, false)
	if err != nil {
		return reply{}, err
	}
	id, err := event.Attempt.Parse(r.PathValue("attempt_id"))
	if err != nil {
		return reply{}, notFound()
	}
	return done(), c.Store.ExpungeAttempt(r.Context(), m.Tenant, m.ID, id)
}

// fullMessage finds the message of the path, to deliver it again: it must still
// have its payload.
func (c *call) fullMessage(r *http.Request) (*store.Posted, error) {
	m, err := c.message(r, false)
	if err == nil && m.Expunged {
		return nil, badRequest("missing_payload", "The payload of the message was removed")
	}
	return m, err
}
