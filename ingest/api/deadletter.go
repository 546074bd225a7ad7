package api

import (
	"net/http"
	"strings"
	"time"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

// countedLetters is how many dead letters are looked at to count them.
const countedLetters = 100_000

func deadLetterRoutes() []route {
	routes := []route{
		{"GET", endpointPath + "/dlq/{msg_id}", forMembers, (*call).getDeadLetter},
		{"DELETE", endpointPath + "/dlq/{msg_id}", forOperators, (*call).purgeDeadLetter},
		{"POST", endpointPath + "/dlq/{msg_id}/redrive", forReplayers, (*call).redriveOne},
		{"POST", "/admin/redrive-dlq", forOperators, (*call).redriveEverything},
	}
	for _, path := range []string{appPath, endpointPath} {
		routes = append(routes,
			route{"GET", path + "/dlq", forMembers, (*call).listDeadLetters},
			route{"GET", path + "/dlq/count", forMembers, (*call).countDeadLetters},
			route{"POST", path + "/dlq/redrive", forReplayers, (*call).redrive},
			route{"POST", path + "/dlq/purge", forOperators, (*call).purge},
		)
	}
	return routes
}

// deadLetter is a dead letter as clients see it.
type deadLetter struct {
	MsgID      string    `json:"msgId"`
	EndpointID string    `json:"endpointId"`
	EventType  string    `json:"eventType"`
	Reason     string    `json:"reason"`
	Attempts   int       `json:"attempts"`
	DiedAt     time.Time `json:"diedAt"`
}

func showDeadLetter(l *store.DeadLetter) deadLetter {
	return deadLetter{
		MsgID: event.Message.Format(l.Event), EndpointID: event.Endpoint.Format(l.Endpoint),
		EventType: l.Type, Reason: l.Reason, Attempts: l.Attempts, DiedAt: l.DiedAt.UTC(),
	}
}

// letters reads which dead letters are asked for, and of whom.
func (c *call) letters(r *http.Request, p *params) (store.LetterFilter, error) {
	filter := store.LetterFilter{
		Reason: p.name("reason"), Types: p.names("event_types"), After: p.moment("after"), Before: p.moment("before"),
	}
	named := p.name("endpoint_id")
	if err := p.err(); err != nil {
		return filter, err
	}
	var err error
	filter.Tenant, filter.Endpoint, err = c.owner(r, named)
	return filter, err
}

// owner finds whose dead letters the path is about: those of an endpoint, or of
// all of an application, of which one endpoint may be named.
func (c *call) owner(r *http.Request, named string) (tenant, endpoint event.ID, err error) {
	if r.PathValue("endpoint_id") != "" {
		e, err := c.endpoint(r)
		if err != nil {
			return tenant, endpoint, err
		}
		return e.Tenant, e.ID, nil
	}
	t, err := c.tenant(r)
	if err != nil || named == "" {
		if err == nil {
			tenant = t.ID
		}
		return tenant, endpoint, err
	}
	ref, err := refOf(event.Endpoint, named)
	if err != nil {
		return tenant, endpoint, err
	}
	e, err := c.Store.Endpoint(r.Context(), t.ID, ref)
	if err != nil {
		return tenant, endpoint, err
	}
	return t.ID, e.ID, nil
}

func (c *call) listDeadLetters(r *http.Request) (reply, error) {
	p := readParams(r)
	page := p.letterPage()
	filter, err := c.letters(r, p)
	if err != nil {
		return reply{}, err
	}
	if page.From == (store.LetterKey{}) && !filter.After.IsZero() {
		page.Back = true
	}
	letters, more, err := c.Store.DeadLetters(r.Context(), filter, page)
	if err != nil {
		return reply{}, err
	}
	return listOf(letters, more, showDeadLetter, func(l *store.DeadLetter) string {
		return event.Message.Format(l.Event) + "." + event.Endpoint.Format(l.Endpoint)
	}), nil
}

// letterPage reads which page of a list of dead letters is wanted. An event can
// be dead at many endpoints, so an iterator names both.
func (p *params) letterPage() store.Page[store.LetterKey] {
	page := store.Page[store.LetterKey]{Limit: p.limit(), Ascending: p.ascending(false)}
	text := p.values.Get("iterator")
	if text == "" {
		return page
	}
	text, page.Back = strings.CutPrefix(text, "-")
	message, endpoint, _ := strings.Cut(text, ".")
	var err1, err2 error
	page.From.Event, err1 = event.Message.Parse(message)
	page.From.Endpoint, err2 = event.Endpoint.Parse(endpoint)
	if err1 != nil || err2 != nil {
		p.refuse("iterator", "is not one of this list")
	}
	return page
}

// letterCount is how many dead letters there are.
type letterCount struct {
	Total    int            `json:"total"`
	ByReason map[string]int `json:"byReason"`
	More     bool           `json:"more"` // there are more than were counted
}

func (c *call) countDeadLetters(r *http.Request) (reply, error) {
	filter, err := c.letters(r, readParams(r))
	if err != nil {
		return reply{}, err
	}
	count := letterCount{}
	count.ByReason, count.More, err = c.Store.CountDeadLetters(r.Context(), filter, countedLetters)
	if err != nil {
		return reply{}, err
	}
	for _, n := range count.ByReason {
		count.Total += n
	}
	return ok(count), nil
}

// letter finds the dead letter of the path.
func (c *call) letter(r *http.Request) (*store.DeadLetter, error) {
	m, err := c.message(r, false)
	if err != nil {
		return nil, err
	}
	e, err := c.endpoint(r)
	if err != nil {
		return nil, err
	}
	return c.Store.DeadLetter(r.Context(), e.ID, m.ID)
}

func (c *call) getDeadLetter(r *http.Request) (reply, error) {
	l, err := c.letter(r)
	if err != nil {
		return reply{}, err
	}
	return ok(showDeadLetter(l)), nil
}

func (c *call) purgeDeadLetter(r *http.Request) (reply, error) {
	l, err := c.letter(r)
	if err != nil {
		return reply{}, err
	}
	return done(), c.Store.PurgeDeadLetter(r.Context(), l.Endpoint, l.Event)
}

// redriveOne delivers one message again that is dead at an endpoint.
func (c *call) redriveOne(r *http.Request) (reply, error) {
	if _, err := c.fullMessage(r); err != nil {
		return reply{}, err
	}
	if _, err := c.liveEndpoint(r); err != nil {
		return reply{}, err
	}
	l, err := c.letter(r)
	if err != nil {
		return reply{}, err
	}
	return c.startTask(r, store.Task{Tenant: l.Tenant, Kind: store.TaskRedrive, Endpoint: l.Endpoint, Event: l.Event})
}

// redrive delivers again what is dead, or the part of it that the form chooses.
// Endpoints that are disabled are passed over, unless it is about only that one.
func (c *call) redrive(r *http.Request) (reply, error) {
	f, err := readOptionalForm(r)
	if err != nil {
		return reply{}, err
	}
	t, err := c.chosen(r, f)
	if err != nil {
		return reply{}, err
	}
	if r.PathValue("endpoint_id") != "" {
		if _, err := c.liveEndpoint(r); err != nil {
			return reply{}, err
		}
	}
	t.Kind = store.TaskRedrive
	return c.startTask(r, t)
}

// purge forgets what is dead and what the form chooses. Nothing chosen could be
// a slip, so that all is meant has to be said.
func (c *call) purge(r *http.Request) (reply, error) {
	f, err := readForm(r)
	if err != nil {
		return reply{}, err
	}
	var all bool
	member(f, "all", &all)
	one := r.PathValue("endpoint_id") == "" && f.given("endpointId")
	if !all && !one && !f.given("reason") && !f.given("eventTypes") && !f.given("since") && !f.given("until") {
		f.refuse("all", "must be true when nothing else says what to purge")
	}
	t, err := c.chosen(r, f)
	if err != nil {
		return reply{}, err
	}
	t.Kind = store.TaskPurge
	return c.startTask(r, t)
}

// chosen reads which dead letters of the path a task is about.
func (c *call) chosen(r *http.Request, f *form) (store.Task, error) {
	var t store.Task
	var endpoint string
	if clearable(f, "endpointId", &endpoint) {
		f.name("endpointId", endpoint)
	}
	if clearable(f, "reason", &t.Reason) {
		f.name("reason", t.Reason)
	}
	f.names("eventTypes", maxTypes, &t.Types)
	clearable(f, "since", &t.Since)
	if clearable(f, "until", &t.Until) && !t.Until.After(t.Since) {
		f.refuse("until", "must be after since")
	}
	if err := f.err(); err != nil {
		return t, err
	}
	var err error
	t.Tenant, t.Endpoint, err = c.owner(r, endpoint)
	return t, err
}

// redriveEverything delivers again what is dead in all applications. Svix answers
// it with nothing; the task is in the list of tasks.
func (c *call) redriveEverything(r *http.Request) (reply, error) {
	_, err := c.startTask(r, store.Task{Kind: store.TaskRedrive})
	return done(), err
}
