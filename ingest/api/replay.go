package api

import (
	"net/http"
	"time"

	"github.com/postrider/postrider/shared/store"
)

const (
	maxRecover      = 14 * 24 * time.Hour
	recoverLeniency = 5 * time.Minute // for clocks, and for the time it takes to ask

	// How long after its last change an endpoint may still get what it wanted
	// before, and how far clocks may be apart.
	changeLeniency = time.Second
)

func replayRoutes() []route {
	return []route{
		{"POST", messagePath + "/endpoint/{endpoint_id}/resend", forReplayers, (*call).resend},
		{"POST", endpointPath + "/recover", forReplayers, (*call).recover},
		{"POST", endpointPath + "/replay-missing", forReplayers, (*call).replayMissing},
		{"POST", endpointPath + "/bulk-replay", forReplayers, (*call).bulkReplay},
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
	since, until := f.span()
	return c.replay(r, f, store.Task{Kind: store.TaskRecover, Since: since, Until: until})
}

// replayMissing delivers what an endpoint would get if it were posted now, and
// that was never tried there. What was accepted since the endpoint changed last
// is not missing: it was, or is, on its way.
func (c *call) replayMissing(r *http.Request) (reply, error) {
	f, err := readForm(r)
	if err != nil {
		return reply{}, err
	}
	since, until := f.span()
	return c.replay(r, f, store.Task{Kind: store.TaskReplay, Since: since, Until: until})
}

// bulkReplay delivers again what was attempted at an endpoint, also what it took.
func (c *call) bulkReplay(r *http.Request) (reply, error) {
	f, err := readForm(r)
	if err != nil {
		return reply{}, err
	}
	t := store.Task{Kind: store.TaskBulkReplay}
	t.Since, t.Until = f.span()
	f.names("eventTypes", maxTypes, &t.Types)
	if clearable(f, "channel", &t.Channel) {
		f.name("channel", t.Channel)
	}
	if clearable(f, "tag", &t.Tag) {
		f.name("tag", t.Tag)
	}
	t.State = f.status()
	t.Codes = f.codes()
	return c.replay(r, f, t)
}

// replay starts a task that is about one endpoint, for what the form says.
func (c *call) replay(r *http.Request, f *form, t store.Task) (reply, error) {
	if err := f.err(); err != nil {
		return reply{}, err
	}
	e, err := c.liveEndpoint(r)
	if err != nil {
		return reply{}, err
	}
	if changed := e.UpdatedAt.Add(changeLeniency); t.Kind == store.TaskReplay && (t.Until.IsZero() || changed.Before(t.Until)) {
		t.Until = changed
	}
	t.Tenant, t.Endpoint = e.Tenant, e.ID
	return c.startTask(r, t)
}

// maxTypes is how many event types a form may name to choose by.
const maxTypes = 100

// span reads a range of time that reaches no further back than 14 days.
func (f *form) span() (since, until time.Time) {
	f.require("since")
	if member(f, "since", &since) && since.Before(time.Now().Add(-maxRecover-recoverLeniency)) {
		f.refuse("since", "must not be more than 14 days ago")
	}
	if clearable(f, "until", &until) && !until.After(since) {
		f.refuse("until", "must be after since")
	}
	return since, until
}

// status reads the state of the deliveries that are meant.
func (f *form) status() *store.State {
	var status int
	if !clearable(f, "status", &status) {
		return nil
	}
	state, known := stateOf(status)
	if !known {
		f.refuse("status", "must be 0 to 4")
	}
	return &state
}

// codes reads a class of status codes.
func (f *form) codes() *store.CodeRange {
	var class int
	if !clearable(f, "statusCodeClass", &class) {
		return nil
	}
	if class%100 != 0 || class < 0 || class > 500 {
		f.refuse("statusCodeClass", "must be 0, 100, 200, 300, 400 or 500")
	}
	return &store.CodeRange{From: class, To: class + 100}
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
