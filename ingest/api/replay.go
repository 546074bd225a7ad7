package api

import (
	"net/http"
	"time"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

const (
	maxRecover      = 14 * 24 * time.Hour
	recoverLeniency = 5 * time.Minute // for clocks, and for the time it takes to ask
)

func replayRoutes() []route {
	return []route{
		{"POST", messagePath + "/endpoint/{endpoint_id}/resend", forReplayers, (*call).resend},
		{"POST", endpointPath + "/recover", forReplayers, (*call).recover},
		{"GET", endpointPath + "/dlq", forMembers, (*call).listDeadLetters},
		{"POST", endpointPath + "/dlq/redrive", forReplayers, (*call).redriveAll},
		{"POST", endpointPath + "/dlq/{msg_id}/redrive", forReplayers, (*call).redriveOne},
	}
}

// resend delivers a message to an endpoint again, whatever became of it.
func (c *call) resend(r *http.Request) (reply, error) {
	m, err := c.fullMessage(r)
	if err != nil {
		return reply{}, err
	}
	e, err := c.liveEndpoint(r)
	if err != nil {
		return reply{}, err
	}
	if _, err := c.startTask(r, store.Task{Tenant: e.Tenant, Kind: store.TaskResend, Endpoint: e.ID, Event: m.ID}); err != nil {
		return reply{}, err
	}
	return reply{http.StatusAccepted, struct{}{}}, nil // clients parse it
}

// recover delivers again what an endpoint failed to take in a range of time.
func (c *call) recover(r *http.Request) (reply, error) {
	f, err := readForm(r)
	if err != nil {
		return reply{}, err
	}
	var since, until time.Time
	f.require("since")
	if member(f, "since", &since) && since.Before(time.Now().Add(-maxRecover-recoverLeniency)) {
		f.refuse("since", "must not be more than 14 days ago")
	}
	if clearable(f, "until", &until) && !until.After(since) {
		f.refuse("until", "must be after since")
	}
	if err := f.err(); err != nil {
		return reply{}, err
	}
	e, err := c.liveEndpoint(r)
	if err != nil {
		return reply{}, err
	}
	return c.startTask(r, store.Task{Tenant: e.Tenant, Kind: store.TaskRecover, Endpoint: e.ID, Since: since, Until: until})
}

// redriveAll delivers everything again that is dead at an endpoint.
func (c *call) redriveAll(r *http.Request) (reply, error) {
	e, err := c.liveEndpoint(r)
	if err != nil {
		return reply{}, err
	}
	return c.startTask(r, store.Task{Tenant: e.Tenant, Kind: store.TaskRedrive, Endpoint: e.ID})
}

// redriveOne delivers one message again that is dead at an endpoint.
func (c *call) redriveOne(r *http.Request) (reply, error) {
	m, err := c.fullMessage(r)
	if err != nil {
		return reply{}, err
	}
	e, err := c.liveEndpoint(r)
	if err != nil {
		return reply{}, err
	}
	if _, err := c.Store.DeadLetter(r.Context(), e.ID, m.ID); err != nil {
		return reply{}, err
	}
	return c.startTask(r, store.Task{Tenant: e.Tenant, Kind: store.TaskRedrive, Endpoint: e.ID, Event: m.ID})
}

// liveEndpoint finds the endpoint of the path, to deliver to. To accept that for
// one that is switched off and do nothing would be a lie. The request itself is
// well formed, so the answer is a 400 with a code and not a 422.
func (c *call) liveEndpoint(r *http.Request) (*store.Endpoint, error) {
	e, err := c.endpoint(r)
	if err == nil && e.Disabled {
		return nil, badRequest("endpoint_disabled", "The endpoint is disabled: enable it first")
	}
	return e, err
}

// deadLetter is a dead letter as clients see it.
type deadLetter struct {
	MsgID    string `json:"msgId"`
	Reason   string `json:"reason"`
	Attempts int    `json:"attempts"`
}

func (c *call) listDeadLetters(r *http.Request) (reply, error) {
	p := readParams(r)
	page := p.page(event.Message, p.ascending(false))
	if err := p.err(); err != nil {
		return reply{}, err
	}
	e, err := c.endpoint(r)
	if err != nil {
		return reply{}, err
	}
	letters, more, err := c.Store.DeadLetterPage(r.Context(), e.ID, page)
	if err != nil {
		return reply{}, err
	}
	show := func(l *store.DeadLetter) deadLetter {
		return deadLetter{MsgID: event.Message.Format(l.Event), Reason: l.Reason, Attempts: l.Attempts}
	}
	return listOf(letters, more, show, func(l *store.DeadLetter) string { return event.Message.Format(l.Event) }), nil
}
