package api

import (
	"errors"
	"net/http"
	"time"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/schedule"
	"github.com/postrider/postrider/shared/store"
)

// maxWeight is how many times the turns of an ordinary application one may have.
const maxWeight = 100

func applicationRoutes() []route {
	return []route{
		{"GET", "/app", forOperators, (*call).listApplications},
		{"POST", "/app", forOperators, (*call).createApplication},
		{"GET", appPath, forMembers, (*call).getApplication},
		{"PUT", appPath, forOperators, (*call).putApplication},
		{"PATCH", appPath, forOperators, (*call).patchApplication},
		{"DELETE", appPath, forOperators, (*call).deleteApplication},
		{"POST", appPath + "/pause", forOperators, (*call).pauseApplication},
		{"POST", appPath + "/resume", forOperators, (*call).resumeApplication},
	}
}

// application is a tenant as clients see it.
type application struct {
	ID           string  `json:"id"`
	UID          *string `json:"uid"`
	Name         string  `json:"name"`
	ThrottleRate *int    `json:"throttleRate"`
	RateLimit    *int    `json:"rateLimit"` // the older name

	// Ours.
	Weight        int      `json:"weight"`
	Paused        bool     `json:"paused"`
	RetrySchedule []string `json:"retrySchedule"`

	Metadata  map[string]string `json:"metadata"`
	CreatedAt time.Time         `json:"createdAt"`
	UpdatedAt time.Time         `json:"updatedAt"`
}

func showTenant(t *store.Tenant) application {
	return application{
		ID: event.Tenant.Format(t.ID), UID: none(t.UID), Name: t.Name,
		ThrottleRate: none(t.ThrottleRate), RateLimit: none(t.ThrottleRate),
		Weight: t.Weight, Paused: t.Paused, RetrySchedule: schedule.Schedule(t.RetrySchedule).Delays(), Metadata: object(t.Metadata),
		CreatedAt: t.ID.Time(), UpdatedAt: t.UpdatedAt.UTC(),
	}
}

// tenant reads an application into t.
func (f *form) tenant(t *store.Tenant) error {
	f.require("name")
	if f.text("name", &t.Name) && t.Name == "" {
		f.refuse("name", "must not be empty")
	}
	f.uid("uid", event.Tenant, &t.UID)
	f.rate(&t.ThrottleRate)
	if clearable(f, "weight", &t.Weight) && (t.Weight < 1 || t.Weight > maxWeight) {
		f.refuse("weight", "must be 1 to 100")
	}
	f.retrySchedule(&t.RetrySchedule)
	f.metadata(&t.Metadata)
	return f.err()
}

func (c *call) listApplications(r *http.Request) (reply, error) {
	p := readParams(r)
	page := p.page(event.Tenant, p.ascending(true))
	search := p.text("search")
	if err := p.err(); err != nil {
		return reply{}, err
	}
	tenants, more, err := c.Store.Tenants(r.Context(), search, page)
	if err != nil {
		return reply{}, err
	}
	return listOf(tenants, more, showTenant, func(t *store.Tenant) string { return event.Tenant.Format(t.ID) }), nil
}

func (c *call) createApplication(r *http.Request) (reply, error) {
	p := readParams(r)
	getIfExists := p.flag("get_if_exists", false)
	f, err := readForm(r)
	if err != nil {
		return reply{}, err
	}
	tenant := store.Tenant{ID: event.NewID()}
	if err := errors.Join(f.tenant(&tenant), p.err()); err != nil {
		return reply{}, err
	}
	err = c.Store.CreateTenant(r.Context(), &tenant)
	if getIfExists && errors.Is(err, store.ErrConflict) {
		there, err := c.Store.Tenant(r.Context(), store.Ref{UID: tenant.UID})
		if err != nil {
			return reply{}, err
		}
		return ok(showTenant(there)), nil
	}
	if err != nil {
		return reply{}, err
	}
	return created(showTenant(&tenant)), nil
}

func (c *call) getApplication(r *http.Request) (reply, error) {
	tenant, err := c.tenant(r)
	if err != nil {
		return reply{}, err
	}
	return ok(showTenant(tenant)), nil
}

// putApplication replaces an application, or makes one when there is none of
// that id or uid.
func (c *call) putApplication(r *http.Request) (reply, error) {
	f, err := readForm(r)
	if err != nil {
		return reply{}, err
	}
	fresh := store.Tenant{ID: event.NewID()}
	if err := f.tenant(&fresh); err != nil {
		return reply{}, err
	}
	changed, err := c.changeTenant(r, func(t *store.Tenant) error {
		*t = store.Tenant{ID: t.ID}
		return f.tenant(t)
	})
	if err == nil {
		return ok(showTenant(changed)), nil
	}
	if explain(err).status != http.StatusNotFound {
		return reply{}, err
	}
	if err := c.makeTenant(r.Context(), &fresh); err != nil {
		return reply{}, err
	}
	return created(showTenant(&fresh)), nil
}

func (c *call) patchApplication(r *http.Request) (reply, error) {
	f, err := readPatch(r)
	if err != nil {
		return reply{}, err
	}
	if err := f.tenant(new(store.Tenant)); err != nil {
		return reply{}, err
	}
	changed, err := c.changeTenant(r, f.tenant)
	if err != nil {
		return reply{}, err
	}
	return ok(showTenant(changed)), nil
}

func (c *call) changeTenant(r *http.Request, change func(*store.Tenant) error) (*store.Tenant, error) {
	tenant, err := c.tenant(r)
	if err != nil {
		return nil, err
	}
	return c.Store.ChangeTenant(r.Context(), store.Ref{ID: tenant.ID}, change)
}

// pauseApplication makes deliveries to all endpoints of an application wait, in
// addition to those that are paused themselves.
func (c *call) pauseApplication(r *http.Request) (reply, error) { return c.setAppPaused(r, true) }

func (c *call) resumeApplication(r *http.Request) (reply, error) { return c.setAppPaused(r, false) }

func (c *call) setAppPaused(r *http.Request, paused bool) (reply, error) {
	tenant, err := c.tenant(r)
	if err != nil {
		return reply{}, err
	}
	t, err := c.Store.PauseTenant(r.Context(), store.Ref{ID: tenant.ID}, paused)
	if err != nil {
		return reply{}, err
	}
	return ok(showTenant(t)), nil
}

func (c *call) deleteApplication(r *http.Request) (reply, error) {
	tenant, err := c.tenant(r)
	if err != nil {
		return reply{}, err
	}
	return done(), c.Store.DeleteTenant(r.Context(), store.Ref{ID: tenant.ID})
}

// object makes no map an empty one: clients expect an object.
func object(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
