package api

import (
	"net/http"
	"slices"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

func expungeRoutes() []route {
	return []route{
		{"DELETE", messagePath + "/content", forOperators, (*call).expungeMessage},
		{"DELETE", messagePath + "/attempt/{attempt_id}/content", forOperators, (*call).expungeAttempt},
		{"POST", appPath + "/msg/bulk-expunge", forOperators, (*call).expungeMessages},
		{"POST", appPath + "/msg/expunge-all-contents", forOperators, (*call).expungeAll},
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

// maxExpunged is how many messages one request may name.
const maxExpunged = 1000

// expungeMessages removes the payloads of messages, named by their ids or their
// event ids, and tells of each whether it was there.
func (c *call) expungeMessages(r *http.Request) (reply, error) {
	f, err := readForm(r)
	if err != nil {
		return reply{}, err
	}
	var names []string
	if clearable(f, "ids", &names) && (len(names) > maxExpunged || slices.Contains(names, "")) {
		f.refuse("ids", "must be at most 1000 ids")
	}
	if err := f.err(); err != nil {
		return reply{}, err
	}
	tenant, err := c.tenant(r)
	if err != nil {
		return reply{}, err
	}
	results := make(map[string]string, len(names))
	for _, name := range names {
		switch err := c.expungeNamed(r, tenant.ID, name); {
		case err == nil:
			results[name] = "expunged"
		case explain(err).status == http.StatusNotFound:
			results[name] = "not-found"
		default:
			return reply{}, err
		}
	}
	return ok(map[string]any{"results": results}), nil
}

func (c *call) expungeNamed(r *http.Request, tenant event.ID, name string) error {
	ref, err := refOf(event.Message, name)
	if err != nil {
		return err
	}
	if ref.ID.IsZero() {
		m, err := c.Store.Event(r.Context(), tenant, ref, false)
		if err != nil {
			return err
		}
		ref.ID = m.ID
	}
	return c.Store.ExpungeEvent(r.Context(), tenant, ref.ID)
}

// expungeAll removes the payloads of all messages that an application has now.
func (c *call) expungeAll(r *http.Request) (reply, error) {
	tenant, err := c.tenant(r)
	if err != nil {
		return reply{}, err
	}
	return c.startTask(r, store.Task{Tenant: tenant.ID, Kind: store.TaskExpunge})
}

// expungeAttempt removes what was answered to an attempt, and its headers.
func (c *call) expungeAttempt(r *http.Request) (reply, error) {
	m, id, err := c.attemptNamed(r)
	if err != nil {
		return reply{}, err
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
