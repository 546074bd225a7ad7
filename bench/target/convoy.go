package target

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/postrider/postrider/bench/rest"
)

// convoy is a project of Convoy, at the project's URL, …/api/v1/projects/<id>: a
// tenant is an owner of endpoints, and its events are fanned out to all of these. The
// project, of type outgoing, and its API key are made by hand.
// https://www.getconvoy.io/docs/api-reference
type convoy struct{ api rest.Client }

func (c convoy) Found(ctx context.Context, name string, urls []string) (Tenant, error) {
	t := Tenant{ID: name}
	for i, at := range urls {
		each := fmt.Sprintf("%s-%d", name, i)
		var made struct{ Data struct{ UID string } }
		in := map[string]any{"name": each, "url": at, "owner_id": name}
		if err := c.api.Call(ctx, http.MethodPost, "/endpoints", in, &made); err != nil {
			return t, fmt.Errorf("create endpoint: %w", err)
		}
		t.Endpoints = append(t.Endpoints, Endpoint{ID: made.Data.UID})
		in = map[string]any{"name": each, "endpoint_id": made.Data.UID, "filter_config": map[string]any{"event_types": []string{"*"}}}
		if err := c.api.Call(ctx, http.MethodPost, "/subscriptions", in, nil); err != nil {
			return t, fmt.Errorf("create subscription: %w", err)
		}
	}
	return t, nil
}

// Dismiss also removes the subscriptions, which go with their endpoints.
func (c convoy) Dismiss(ctx context.Context, t Tenant) (failed error) {
	for _, e := range t.Endpoints {
		if err := c.api.Call(ctx, http.MethodDelete, "/endpoints/"+url.PathEscape(e.ID), nil, nil); err != nil {
			failed = errors.Join(failed, fmt.Errorf("delete endpoint: %w", err))
		}
	}
	return failed
}

func (c convoy) Form(tenant string, _ bool) Form {
	return Form{
		URL:       c.api.Base() + "/events/fanout",
		Header:    postJSON(c.api),
		Before:    `{"owner_id":"` + tenant + `","event_type":"` + EventType + `"`,
		KeyMember: "idempotency_key",
		Between:   `,"data":`,
		After:     "}",
	}
}
