package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/postrider/postrider/shared/egress"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/schedule"
	"github.com/postrider/postrider/shared/signature"
	"github.com/postrider/postrider/shared/store"
)

const (
	maxChannels   = 10
	minTimeoutMs  = 100
	maxTimeoutMs  = 60_000
	maxEventTypes = 1000 // more than anybody has; every fan-out looks through them
)

func endpointRoutes() []route {
	return []route{
		{"GET", appPath + "/endpoint", forMembers, (*call).listEndpoints},
		{"POST", appPath + "/endpoint", forMembers, (*call).createEndpoint},
		{"GET", endpointPath, forMembers, (*call).getEndpoint},
		{"PUT", endpointPath, forMembers, (*call).putEndpoint},
		{"PATCH", endpointPath, forMembers, (*call).patchEndpoint},
		{"DELETE", endpointPath, forMembers, (*call).deleteEndpoint},
		{"POST", endpointPath + "/pause", forMembers, (*call).pauseEndpoint},
		{"POST", endpointPath + "/resume", forMembers, (*call).resumeEndpoint},
		{"POST", endpointPath + "/circuit/reset", forMembers, (*call).resetCircuit},
	}
}

// endpoint is an endpoint as clients see it. Clients of several generations read
// the same values by different names.
type endpoint struct {
	ID           string   `json:"id"`
	UID          *string  `json:"uid"`
	URL          string   `json:"url"`
	Description  string   `json:"description"`
	Disabled     bool     `json:"disabled"`
	EventTypes   []string `json:"eventTypes"`
	FilterTypes  []string `json:"filterTypes"`
	Channels     []string `json:"channels"`
	ThrottleRate *int     `json:"throttleRate"`
	RateLimit    *int     `json:"rateLimit"`

	// Ours.
	DisabledReason *string    `json:"disabledReason"` // null: its owner's wish
	DisabledAt     *time.Time `json:"disabledAt"`
	Paused         bool       `json:"paused"`
	Circuit        circuit    `json:"circuit"`
	Ordered        bool       `json:"ordered"`
	OrderedPolicy  string     `json:"orderedPolicy"`
	RetrySchedule  []string   `json:"retrySchedule"`
	TimeoutMs      *int64     `json:"timeoutMs"`

	Verify       bool         `json:"verify"`
	Verification verification `json:"verification"`

	Version   int               `json:"version"`
	Metadata  map[string]string `json:"metadata"`
	CreatedAt time.Time         `json:"createdAt"`
	UpdatedAt time.Time         `json:"updatedAt"`
}

func showEndpoint(e *store.Endpoint) endpoint {
	return endpoint{
		ID: event.Endpoint.Format(e.ID), UID: none(e.UID), URL: showURL(e), Description: e.Description, Disabled: e.Disabled,
		EventTypes: e.EventTypes, FilterTypes: e.EventTypes, Channels: e.Channels,
		ThrottleRate: none(e.ThrottleRate), RateLimit: none(e.ThrottleRate),
		DisabledReason: none(e.DisabledReason), DisabledAt: none(e.DisabledAt.UTC()), Paused: e.Paused,
		Circuit: showCircuit(e.Breaker, time.Now()), Ordered: e.Ordered, OrderedPolicy: e.OrderedPolicy,
		RetrySchedule: schedule.Schedule(e.RetrySchedule).Delays(), TimeoutMs: none(e.Timeout.Milliseconds()),
		Verify: e.Verify, Verification: showVerification(&e.Verification, time.Now()), Version: max(e.APIVersion, 1),
		Metadata: object(e.Metadata), CreatedAt: e.ID.Time(), UpdatedAt: e.UpdatedAt.UTC(),
	}
}

// endpoint reads an endpoint into e.
func (f *form) endpoint(e *store.Endpoint, policy egress.Policy) error {
	f.url(e, policy)
	f.uid("uid", event.Endpoint, &e.UID)
	f.text("description", &e.Description)
	member(f, "disabled", &e.Disabled)
	for _, field := range f.either("eventTypes", "filterTypes") {
		f.names(field, maxEventTypes, &e.EventTypes)
	}
	f.names("channels", maxChannels, &e.Channels)
	f.rate(&e.ThrottleRate)
	member(f, "ordered", &e.Ordered)
	if member(f, "orderedPolicy", &e.OrderedPolicy) && e.OrderedPolicy != store.OrderedBlock && e.OrderedPolicy != store.OrderedSkip {
		f.refuse("orderedPolicy", "must be block or skip")
	}
	f.retrySchedule(&e.RetrySchedule)
	f.timeout(&e.Timeout)
	member(f, "verify", &e.Verify)
	if member(f, "version", &e.APIVersion) && (e.APIVersion < 1 || e.APIVersion > maxRate) {
		f.refuse("version", "must be 1 to 65535")
	}
	f.metadata(&e.Metadata)
	return f.err()
}

// keptUserinfo is shown instead of what is before the @ of a URL, and stands for it
// when it comes back.
const keptUserinfo = "xxxxx"

func showURL(e *store.Endpoint) string {
	if e.Userinfo.IsZero() {
		return e.URL
	}
	return strings.Replace(e.URL, "://", "://"+keptUserinfo+"@", 1)
}

// url reads the URL into e. What is kept of userinfo goes to the host that it was
// given for, and to no other: who may set a URL may not learn it.
func (f *form) url(e *store.Endpoint, policy egress.Policy) {
	f.require("url")
	before := *e
	var raw string
	if !member(f, "url", &raw) {
		return
	}
	normal, err := policy.NormalizeURL(raw)
	if err != nil {
		f.refuse("url", err.Error())
		return
	}
	e.SetURL(normal)
	if e.Userinfo.Reveal() != keptUserinfo {
		return
	}
	e.Userinfo = before.Userinfo
	if !before.ID.IsZero() && (before.Userinfo.IsZero() || !store.SameHost(before.URL, e.URL)) { // else it is looked at later
		f.refuse("url", "xxxxx stands for a user and password that are kept for this host, and there are none")
	}
}

// timeout reads how long an attempt may take.
func (f *form) timeout(target *time.Duration) {
	ms := int(target.Milliseconds())
	if clearable(f, "timeoutMs", &ms) && (ms < minTimeoutMs || ms > maxTimeoutMs) {
		f.refuse("timeoutMs", "must be 100 to 60000")
		return
	}
	*target = time.Duration(ms) * time.Millisecond
}

// checkWants makes sure that an endpoint asks for event types that there are: one
// that is misspelt would wait for ever.
func (c *call) checkWants(ctx context.Context, tenant event.ID, e *store.Endpoint) error {
	if tenant == store.SystemTenant {
		return wantsNotices(e)
	}
	if len(e.EventTypes) == 0 {
		return nil
	}
	missing, err := c.Store.MissingEventTypes(ctx, e.EventTypes)
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		return noEventTypes(missing)
	}
	return nil
}

func noEventTypes(names []string) error {
	return unprocessable(invalid{
		Loc: []string{"body", "eventTypes"}, Type: typeValue,
		Msg: "no such event types: " + strings.Join(names, ", "),
	})
}

func (c *call) listEndpoints(r *http.Request) (reply, error) {
	tenant, err := c.tenant(r)
	if err != nil {
		return reply{}, err
	}
	p := readParams(r)
	page := p.page(event.Endpoint, p.ascending(false))
	if err := p.err(); err != nil {
		return reply{}, err
	}
	endpoints, more, err := c.Store.Endpoints(r.Context(), tenant.ID, page)
	if err != nil {
		return reply{}, err
	}
	return listOf(endpoints, more, showEndpoint, func(e *store.Endpoint) string { return event.Endpoint.Format(e.ID) }), nil
}

func (c *call) createEndpoint(r *http.Request) (reply, error) {
	f, err := readForm(r)
	if err != nil {
		return reply{}, err
	}
	tenant, err := c.tenant(r)
	if err != nil {
		return reply{}, err
	}
	return c.newEndpoint(r.Context(), tenant.ID, f)
}

func (c *call) newEndpoint(ctx context.Context, tenant event.ID, f *form) (reply, error) {
	e := store.Endpoint{ID: event.NewID(), Tenant: tenant}
	key := f.secret("secret")
	f.headers(&e.Headers)
	if err := c.edit(f, &e); err != nil {
		return reply{}, err
	}
	if err := c.checkWants(ctx, tenant, &e); err != nil {
		return reply{}, err
	}
	if err := c.Store.CreateEndpoint(ctx, &e, key); err != nil {
		return reply{}, err
	}
	return created(showEndpoint(&e)), nil
}

func (c *call) getEndpoint(r *http.Request) (reply, error) {
	e, err := c.endpoint(r)
	if err != nil {
		return reply{}, err
	}
	return ok(showEndpoint(e)), nil
}

// edit reads the form into an endpoint, new or not, as the installation has it.
func (c *call) edit(f *form, e *store.Endpoint) error {
	before := *e
	if err := f.endpoint(e, c.Egress); err != nil {
		return err
	}
	c.ruleOf(f, &before, e)
	return f.err()
}

// putEndpoint replaces an endpoint, all but its headers and keys, which have
// operations of their own, or makes one when there is none of that id or uid. Whether
// it is to be verified stays too, since most clients do not know of that.
func (c *call) putEndpoint(r *http.Request) (reply, error) {
	f, err := readForm(r)
	if err != nil {
		return reply{}, err
	}
	delete(f.members, "secret")
	delete(f.members, "headers")
	tenant, err := c.tenant(r)
	if err != nil {
		return reply{}, err
	}
	changed, err := c.changeEndpoint(r, tenant.ID, f, func(e *store.Endpoint) error {
		*e = store.Endpoint{ID: e.ID, Tenant: e.Tenant, URL: e.URL, Verify: e.Verify, Confidential: e.Confidential}
		return c.edit(f, e)
	})
	switch {
	case err == nil:
		return ok(showEndpoint(changed)), nil
	case explain(err).status != http.StatusNotFound:
		return reply{}, err
	default:
		return c.newEndpoint(r.Context(), tenant.ID, f)
	}
}

func (c *call) patchEndpoint(r *http.Request) (reply, error) {
	f, err := readPatch(r)
	if err != nil {
		return reply{}, err
	}
	tenant, err := c.tenant(r)
	if err != nil {
		return reply{}, err
	}
	var key signature.Key
	if f.given("secret") {
		key = f.secret("secret")
	}
	var changed *store.Endpoint
	err = c.within(r.Context(), func() error { //nolint:contextcheck // it is in the request
		changed, err = c.changeEndpoint(r, tenant.ID, f, func(e *store.Endpoint) error { return c.edit(f, e) })
		if err != nil || !f.given("secret") {
			return err
		}
		return c.Store.ReplaceKey(r.Context(), tenant.ID, changed.ID, key)
	})
	if err != nil {
		return reply{}, err
	}
	return ok(showEndpoint(changed)), nil
}

// changeEndpoint edits the endpoint of the path. The form is checked before the
// database is locked for it.
func (c *call) changeEndpoint(r *http.Request, tenant event.ID, f *form, change func(*store.Endpoint) error) (*store.Endpoint, error) {
	var asked store.Endpoint
	if err := f.endpoint(&asked, c.Egress); err != nil {
		return nil, err
	}
	ref, err := refOf(event.Endpoint, r.PathValue("endpoint_id"))
	if err != nil {
		return nil, err
	}
	if err := c.checkWants(r.Context(), tenant, &asked); err != nil {
		return nil, err
	}
	return c.Store.ChangeEndpoint(r.Context(), tenant, ref, change)
}

// pauseEndpoint makes deliveries to an endpoint wait. Unlike with a disabled one,
// events are still sent to it: later.
func (c *call) pauseEndpoint(r *http.Request) (reply, error) { return c.setPaused(r, true) }

func (c *call) resumeEndpoint(r *http.Request) (reply, error) { return c.setPaused(r, false) }

func (c *call) setPaused(r *http.Request, paused bool) (reply, error) {
	tenant, err := c.tenant(r)
	if err != nil {
		return reply{}, err
	}
	ref, err := refOf(event.Endpoint, r.PathValue("endpoint_id"))
	if err != nil {
		return reply{}, err
	}
	e, err := c.Store.PauseEndpoint(r.Context(), tenant.ID, ref, paused)
	if err != nil {
		return reply{}, err
	}
	return ok(showEndpoint(e)), nil
}

func (c *call) deleteEndpoint(r *http.Request) (reply, error) {
	tenant, err := c.tenant(r)
	if err != nil {
		return reply{}, err
	}
	ref, err := refOf(event.Endpoint, r.PathValue("endpoint_id"))
	if err != nil {
		return reply{}, err
	}
	return done(), c.Store.DeleteEndpoint(r.Context(), tenant.ID, ref)
}
