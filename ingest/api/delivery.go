package api

import (
	"net/http"
	"time"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

const (
	maxStats      = 28 * 24 * time.Hour
	statsLeniency = 5 * time.Minute // for clocks, and for the time it takes to ask
)

func deliveryRoutes() []route {
	return []route{
		{"GET", endpointPath + "/stats", forMembers, (*call).getStats},
		{"GET", endpointPath + "/msg", forMembers, (*call).listAttemptedMessages},
		{"GET", messagePath + "/endpoint", forMembers, (*call).listAttemptedDestinations},
	}
}

// progress is how far a delivery has come, as clients see it.
type progress struct {
	Status      int        `json:"status"`
	StatusText  string     `json:"statusText"`
	NextAttempt *time.Time `json:"nextAttempt"`
}

func showProgress(p store.Progress) progress {
	switch p.State {
	case store.StateSuccess:
		return progress{Status: statusSuccess, StatusText: "success"}
	case store.StateSending:
		next := p.NextAt.UTC()
		return progress{Status: statusSending, StatusText: "sending", NextAttempt: &next}
	case store.StateFailed:
		return progress{Status: statusFail, StatusText: "fail"}
	default:
		return progress{Status: statusPending, StatusText: "pending"}
	}
}

// state reads the state of the deliveries that are asked for. None is ever
// canceled, and those that are pending have not been attempted.
func (p *params) state() *store.State {
	status, given := p.number("status")
	if !given {
		return nil
	}
	state, known := stateOf(status)
	if !known {
		p.malformed("status")
	}
	return &state
}

// stateOf is the state that clients call by a number.
func stateOf(status int) (state store.State, known bool) {
	switch status {
	case statusSuccess:
		return store.StateSuccess, true
	case statusFail:
		return store.StateFailed, true
	case statusSending:
		return store.StateSending, true
	case statusPending, statusCanceled:
		return store.StatePending, true
	default:
		return store.StatePending, false
	}
}

// endpointMessage is a message with what became of it at an endpoint.
type endpointMessage struct {
	message
	progress
}

// listAttemptedMessages lists what was attempted at an endpoint, newest message
// first.
func (c *call) listAttemptedMessages(r *http.Request) (reply, error) {
	p := readParams(r)
	filter := store.DeliveryFilter{EventFilter: p.events(), State: p.state()}
	page, content := p.history(event.Message, filter.After), p.flag("with_content", true)
	if err := p.err(); err != nil {
		return reply{}, err
	}
	e, err := c.endpoint(r)
	if err != nil {
		return reply{}, err
	}
	events, rest, err := c.Store.AttemptedEvents(r.Context(), e.Tenant, e.ID, filter, page, content)
	if err != nil {
		return reply{}, err
	}
	show := func(a *store.AttemptedEvent) endpointMessage {
		return endpointMessage{showMessage(&a.Posted, content), showProgress(a.Progress)}
	}
	return historyOf(events, page, rest, event.Message, show, func(a *store.AttemptedEvent) event.ID { return a.ID }), nil
}

// messageEndpoint is an endpoint with what became of a message there. Clients
// are not used to metadata here.
type messageEndpoint struct {
	endpoint
	progress

	Metadata *struct{} `json:"metadata,omitempty"`
}

// listAttemptedDestinations lists where a message was attempted, oldest endpoint
// first, also endpoints that are no more.
func (c *call) listAttemptedDestinations(r *http.Request) (reply, error) {
	p := readParams(r)
	page := p.page(event.Endpoint, true)
	if err := p.err(); err != nil {
		return reply{}, err
	}
	m, err := c.message(r, false)
	if err != nil {
		return reply{}, err
	}
	endpoints, more, err := c.Store.AttemptedEndpoints(r.Context(), m.Tenant, m.ID, page)
	if err != nil {
		return reply{}, err
	}
	show := func(a *store.AttemptedEndpoint) messageEndpoint {
		return messageEndpoint{endpoint: showEndpoint(&a.Endpoint), progress: showProgress(a.Progress)}
	}
	return listOf(endpoints, more, show, func(a *store.AttemptedEndpoint) string { return event.Endpoint.Format(a.ID) }), nil
}

// endpointStats counts the deliveries to an endpoint by state. What has not been
// attempted yet has no row and is not counted, and nothing is ever canceled.
type endpointStats struct {
	Success  int64 `json:"success"`
	Pending  int64 `json:"pending"`
	Sending  int64 `json:"sending"`
	Fail     int64 `json:"fail"`
	Canceled int64 `json:"canceled"`
}

func (c *call) getStats(r *http.Request) (reply, error) {
	p := readParams(r)
	since, until := p.span()
	if err := p.err(); err != nil {
		return reply{}, err
	}
	e, err := c.endpoint(r)
	if err != nil {
		return reply{}, err
	}
	stats, err := c.Store.Stats(r.Context(), e.Tenant, e.ID, since, until)
	if err != nil {
		return reply{}, err
	}
	return ok(endpointStats{Success: stats.Success, Sending: stats.Sending, Fail: stats.Failed}), nil
}

// span reads the range of time that is to be counted over: of four weeks at
// most, and by default the last ones.
func (p *params) span() (since, until time.Time) {
	now := time.Now()
	since, until = p.moment("since"), p.moment("until")
	if until.IsZero() {
		until = now
	}
	if since.IsZero() {
		since = until.Add(-maxStats)
	}
	if until.After(now.Add(statsLeniency)) || until.Before(since) || until.Sub(since) > maxStats+statsLeniency {
		p.wrong("invalid_range", "The range must end after it begins, not in the future, and be 28 days long at most")
	}
	return since, until
}
