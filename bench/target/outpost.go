package target

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/postrider/postrider/bench/rest"
)

// outpost is a Hookdeck Outpost, at the URL of its API, …/api/v1, with its API key: a
// tenant is a tenant, and its destinations want every topic.
// https://hookdeck.com/docs/outpost/api
type outpost struct{ api rest.Client }

func (o outpost) Found(ctx context.Context, name string, urls []string) (Tenant, error) {
	t := Tenant{ID: name}
	if err := o.api.Call(ctx, http.MethodPut, outpostTenant(name), nil, nil); err != nil {
		return t, fmt.Errorf("create tenant: %w", err)
	}
	for _, at := range urls {
		var made struct{ ID string }
		in := map[string]any{"type": "webhook", "topics": []string{"*"}, "config": map[string]any{"url": at}}
		if err := o.api.Call(ctx, http.MethodPost, outpostTenant(name)+"/destinations", in, &made); err != nil {
			return t, fmt.Errorf("create destination: %w", err)
		}
		t.Endpoints = append(t.Endpoints, Endpoint{ID: made.ID})
	}
	return t, nil
}

// Dismiss also removes the destinations, which go with their tenant.
func (o outpost) Dismiss(ctx context.Context, t Tenant) error {
	if err := o.api.Call(ctx, http.MethodDelete, outpostTenant(t.ID), nil, nil); err != nil {
		return fmt.Errorf("delete tenant: %w", err)
	}
	return nil
}

// Form names no topic, as one would have to be among those that the server is
// configured with. An event's id is its idempotency key.
func (o outpost) Form(tenant string, _ bool) Form {
	return Form{
		URL:       o.api.Base() + "/publish",
		Header:    postJSON(o.api),
		Before:    `{"tenant_id":"` + tenant + `"`,
		KeyMember: "id",
		Between:   `,"data":`,
		After:     "}",
	}
}

func outpostTenant(id string) string { return "/tenants/" + url.PathEscape(id) }
