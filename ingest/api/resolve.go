package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

// refOf reads what a path calls something: our id, or its owner's uid. What can
// be neither is not asked for in the database, which would not take all of it. The
// system tenant is nobody's.
func refOf(kind event.Kind, text string) (store.Ref, error) {
	if id, err := kind.Parse(text); err == nil && id != store.SystemTenant {
		return store.Ref{ID: id}, nil
	}
	if !isName(text) || strings.HasPrefix(text, string(kind)) {
		return store.Ref{}, notFound()
	}
	return store.Ref{UID: text}, nil
}

// tenant finds the application of the path, and serves it from then on: what belongs
// to others is out of c.Store's sight. Where the path has none, it is about what
// belongs to the installation itself.
func (c *call) tenant(r *http.Request) (*store.Tenant, error) {
	if !strings.Contains(r.Pattern, "{app_id}") {
		return &store.Tenant{ID: store.SystemTenant}, c.serveTenant(r.Context(), store.SystemTenant)
	}
	ref, err := refOf(event.Tenant, r.PathValue("app_id"))
	if err != nil {
		return nil, err
	}
	all, err := c.Store.ForAll(r.Context())
	if err != nil {
		return nil, err
	}
	t, err := all.Tenant(r.Context(), ref)
	if err != nil {
		return nil, err
	}
	return t, c.serveTenant(r.Context(), t.ID)
}

// makeTenant makes an application, of which nobody could be in whose sight it is.
func (c *call) makeTenant(ctx context.Context, t *store.Tenant) error {
	all, err := c.Store.ForAll(ctx)
	if err != nil {
		return err
	}
	return all.CreateTenant(ctx, t)
}

// serveTenant makes c.Store that of one tenant.
func (c *call) serveTenant(ctx context.Context, tenant event.ID) (err error) {
	c.Store, err = c.Store.ForTenant(ctx, tenant)
	return err
}

// endpoint finds the endpoint of the path.
func (c *call) endpoint(r *http.Request) (*store.Endpoint, error) {
	tenant, err := c.tenant(r)
	if err != nil {
		return nil, err
	}
	ref, err := refOf(event.Endpoint, r.PathValue("endpoint_id"))
	if err != nil {
		return nil, err
	}
	return c.Store.Endpoint(r.Context(), tenant.ID, ref)
}

// message finds the message of the path, without its payload unless that is
// wanted.
func (c *call) message(r *http.Request, payload bool) (*store.Posted, error) {
	tenant, err := c.tenant(r)
	if err != nil {
		return nil, err
	}
	ref, err := refOf(event.Message, r.PathValue("msg_id"))
	if err != nil {
		return nil, err
	}
	return c.Store.Event(r.Context(), tenant.ID, ref, payload)
}

// none makes the empty text and zero null.
func none[T comparable](value T) *T {
	var zero T
	if value == zero {
		return nil
	}
	return &value
}

func ok(body any) reply      { return reply{status: http.StatusOK, body: body} }
func created(body any) reply { return reply{status: http.StatusCreated, body: body} }
func done() reply            { return reply{status: http.StatusNoContent} }
