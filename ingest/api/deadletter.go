package api

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
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
		{"GET", "/admin/dlq", forOperators, (*call).listAllDeadLetters},
		{"GET", "/admin/dlq/count", forOperators, (*call).countAllDeadLetters},
		{"POST", "/admin/dlq/redrive", forOperators, (*call).redriveAny},
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

// anyDeadLetter is a dead letter among those of all applications.
type anyDeadLetter struct {
	AppID *string `json:"appId"` // null: of an operational webhook
	deadLetter
}

func showAnyDeadLetter(l *store.DeadLetter) anyDeadLetter {
	return anyDeadLetter{showOwner(l.Tenant), showDeadLetter(l)}
}

// showOwner is the application that a tenant is.
func showOwner(tenant event.ID) *string {
	if tenant == store.SystemTenant {
		return nil
	}
	return new(event.Tenant.Format(tenant))
}

// letters reads which dead letters are asked for, and of whom.
func (c *call) letters(r *http.Request, p *params) (store.LetterFilter, error) {
	filter := store.LetterFilter{
		Reason: p.name("reason"), Types: p.names("event_types"), After: p.moment("after"), Before: p.moment("before"),
	}
	who := named{endpoint: p.name("endpoint_id")}
	if ofAll(r) {
		if who.app = p.name("app_id"); who.app == "" && who.endpoint != "" {
			p.refuse("endpoint_id", "needs app_id")
		}
	}
	if err := p.err(); err != nil {
		return filter, err
	}
	var err error
	filter.Tenant, filter.Endpoint, err = c.owner(r, who)
	return filter, err
}

// named is whose dead letters are meant, as far as the path leaves it open; empty
// for everybody's.
type named struct{ app, endpoint string }

// ofAll reports whether the path is about all applications.
func ofAll(r *http.Request) bool { return r.PathValue("app_id") == "" }

// owner finds whose dead letters are meant: those of an endpoint, of an application,
// or of all. None of the ids that it returns has to be there.
func (c *call) owner(r *http.Request, who named) (tenant, endpoint event.ID, err error) {
	if r.PathValue("endpoint_id") != "" {
		e, err := c.endpoint(r)
		if err != nil {
			return tenant, endpoint, err
		}
		return e.Tenant, e.ID, nil
	}
	var t *store.Tenant
	switch {
	case !ofAll(r):
		t, err = c.tenant(r)
	case who.app == "":
		return tenant, endpoint, nil
	default:
		var ref store.Ref
		if ref, err = refOf(event.Tenant, who.app); err == nil {
			t, err = c.Store.Tenant(r.Context(), ref)
		}
	}
	if err != nil || who.endpoint == "" {
		if err == nil {
			tenant = t.ID
		}
		return tenant, endpoint, err
	}
	ref, err := refOf(event.Endpoint, who.endpoint)
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
	found, more, err := c.findDeadLetters(r)
	if err != nil {
		return reply{}, err
	}
	return listOf(found, more, showDeadLetter, letterIterator), nil
}

func (c *call) listAllDeadLetters(r *http.Request) (reply, error) {
	found, more, err := c.findDeadLetters(r)
	if err != nil {
		return reply{}, err
	}
	return listOf(found, more, showAnyDeadLetter, letterIterator), nil
}

func (c *call) findDeadLetters(r *http.Request) (found []store.DeadLetter, more bool, err error) {
	p := readParams(r)
	page := p.letterPage()
	filter, err := c.letters(r, p)
	if err != nil {
		return nil, false, err
	}
	if page.From == (store.LetterKey{}) && !filter.After.IsZero() {
		page.Back = true
	}
	return c.Store.DeadLetters(r.Context(), filter, page)
}

func letterIterator(l *store.DeadLetter) string {
	return event.Message.Format(l.Event) + "." + event.Endpoint.Format(l.Endpoint)
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

func showLetterCount(counted *store.LetterCount) letterCount {
	count := letterCount{ByReason: counted.ByReason, More: counted.More}
	for _, n := range count.ByReason {
		count.Total += n
	}
	return count
}

func (c *call) countDeadLetters(r *http.Request) (reply, error) {
	filter, err := c.letters(r, readParams(r))
	if err != nil {
		return reply{}, err
	}
	count, err := c.Store.CountDeadLetters(r.Context(), filter, countedLetters)
	if err != nil {
		return reply{}, err
	}
	return ok(showLetterCount(count)), nil
}

// ownersLetters is how many dead letters an application has.
type ownersLetters struct {
	AppID *string `json:"appId"` // null: of operational webhooks
	Total int     `json:"total"`
}

// countAllDeadLetters counts those of all applications, and tells who has most.
func (c *call) countAllDeadLetters(r *http.Request) (reply, error) {
	p := readParams(r)
	limit := p.limit()
	filter, err := c.letters(r, p)
	if err != nil {
		return reply{}, err
	}
	count, err := c.Store.CountDeadLetters(r.Context(), filter, countedLetters)
	if err != nil {
		return reply{}, err
	}
	tenants := slices.SortedFunc(maps.Keys(count.ByTenant), func(a, b event.ID) int {
		return cmp.Or(cmp.Compare(count.ByTenant[b], count.ByTenant[a]), a.Compare(b))
	})
	most := []ownersLetters{}
	for _, tenant := range tenants[:min(limit, len(tenants))] {
		most = append(most, ownersLetters{showOwner(tenant), count.ByTenant[tenant]})
	}
	return ok(struct {
		letterCount
		ByApplication []ownersLetters `json:"byApplication"`
	}{showLetterCount(count), most}), nil
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

// purge forgets what is dead and what the form chooses.
func (c *call) purge(r *http.Request) (reply, error) { return c.startChosen(r, store.TaskPurge) }

// redriveAny delivers again what is dead in any application and what the form
// chooses.
func (c *call) redriveAny(r *http.Request) (reply, error) {
	return c.startChosen(r, store.TaskRedrive)
}

// startChosen starts a task with what the form chooses. Nothing chosen could be a
// slip, so that all is meant has to be said.
func (c *call) startChosen(r *http.Request, kind string) (reply, error) {
	f, err := readForm(r)
	if err != nil {
		return reply{}, err
	}
	f.chooses(r)
	t, err := c.chosen(r, f)
	if err != nil {
		return reply{}, err
	}
	t.Kind = kind
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
	who := named{endpoint: endpoint}
	if ofAll(r) && clearable(f, "appId", &who.app) {
		f.name("appId", who.app)
	}
	if ofAll(r) && who.app == "" && endpoint != "" {
		f.refuse("endpointId", "needs appId")
	}
	if err := f.err(); err != nil {
		return t, err
	}
	var err error
	t.Tenant, t.Endpoint, err = c.owner(r, who)
	return t, err
}

// chooses refuses a form that says of no dead letters which are meant, nor that all
// are.
func (f *form) chooses(r *http.Request) {
	var all bool
	member(f, "all", &all)
	choices := []string{"reason", "eventTypes", "since", "until"}
	if r.PathValue("endpoint_id") == "" {
		choices = append(choices, "endpointId")
	}
	if ofAll(r) {
		choices = append(choices, "appId")
	}
	if !all && !slices.ContainsFunc(choices, f.given) {
		f.refuse("all", "must be true when nothing else says which are meant")
	}
}

// redriveEverything delivers again what is dead in all applications. Svix answers
// it with nothing; the task is in the list of tasks.
func (c *call) redriveEverything(r *http.Request) (reply, error) {
	_, err := c.startTask(r, store.Task{Kind: store.TaskRedrive})
	return done(), err
}
