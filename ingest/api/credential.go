package api

import (
	"net/http"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

// credential is a part of what an endpoint is called with. What differs is how it is
// written; here is the rest.
type credential[T any] struct {
	show  func(*store.Credentials) (*T, error) // as clients see it, without what is secret; nil: it is not set
	clear func(*store.Credentials)
}

func (p credential[T]) of(c *call, r *http.Request) (*T, error) {
	e, err := c.endpoint(r)
	if err != nil {
		return nil, err
	}
	credentials, err := c.Store.Credentials(r.Context(), e)
	if err != nil {
		return nil, err
	}
	return p.show(credentials)
}

// get answers with the part, if it is set.
func (p credential[T]) get(c *call, r *http.Request) (reply, error) {
	shown, err := p.of(c, r)
	switch {
	case err != nil:
		return reply{}, err
	case shown == nil:
		return reply{}, notFound()
	}
	return ok(shown), nil
}

// status answers whether the part is set, and how.
func (p credential[T]) status(c *call, r *http.Request) (reply, error) {
	shown, err := p.of(c, r)
	if err != nil {
		return reply{}, err
	}
	return ok(struct {
		Enabled bool `json:"enabled"`
		Config  *T   `json:"config"`
	}{shown != nil, shown}), nil
}

// remove takes the part away.
func (p credential[T]) remove(c *call, r *http.Request) (reply, error) {
	return c.changeCredentials(r, func(_ *store.Endpoint, credentials *store.Credentials) error {
		p.clear(credentials)
		return nil
	})
}

// changeCredentials edits those of the endpoint of the path.
func (c *call) changeCredentials(r *http.Request, change func(*store.Endpoint, *store.Credentials) error) (reply, error) {
	tenant, err := c.tenant(r)
	if err != nil {
		return reply{}, err
	}
	ref, err := refOf(event.Endpoint, r.PathValue("endpoint_id"))
	if err != nil {
		return reply{}, err
	}
	return done(), c.Store.ChangeCredentials(r.Context(), tenant.ID, ref, change)
}
