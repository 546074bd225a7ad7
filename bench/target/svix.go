package target

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/postrider/postrider/bench/rest"
)

// svix is a server with Svix's API, at a URL without /api/v1: a tenant is an
// application. https://api.svix.com/docs
type svix struct{ api rest.Client }

func (s svix) Found(ctx context.Context, name string, urls []string) (t Tenant, err error) {
	var made struct{ ID string }
	in := map[string]any{"name": name, "uid": name}
	if err := s.api.Call(ctx, http.MethodPost, "/api/v1/app", in, &made); err != nil {
		return t, fmt.Errorf("create application: %w", err)
	}
	t.ID = made.ID
	for _, each := range urls {
		e, err := s.subscribe(ctx, t.ID, each)
		if err != nil {
			return t, err
		}
		t.Endpoints = append(t.Endpoints, e)
	}
	return t, nil
}

// subscribe makes one endpoint with a key of the server's making.
func (s svix) subscribe(ctx context.Context, app, at string) (e Endpoint, err error) {
	var made struct{ ID string }
	path := appPath(app) + "/endpoint"
	if err := s.api.Call(ctx, http.MethodPost, path, map[string]any{"url": at}, &made); err != nil {
		return e, fmt.Errorf("create endpoint: %w", err)
	}
	var secret struct{ Key string }
	if err := s.api.Call(ctx, http.MethodGet, path+"/"+url.PathEscape(made.ID)+"/secret", nil, &secret); err != nil {
		return e, fmt.Errorf("read endpoint secret: %w", err)
	}
	return Endpoint{made.ID, secret.Key}, nil
}

func (s svix) Dismiss(ctx context.Context, t Tenant) error {
	if err := s.api.Call(ctx, http.MethodDelete, appPath(t.ID), nil, nil); err != nil {
		return fmt.Errorf("delete application: %w", err)
	}
	return nil
}

func (s svix) Form(tenant string, batches bool) Form {
	f := Form{
		URL:       s.api.Base() + appPath(tenant) + "/msg?with_content=false",
		Header:    postJSON(s.api),
		Before:    `{"eventType":"` + EventType + `"`,
		Between:   `,"payload":`,
		After:     "}",
		KeyHeader: "Idempotency-Key",
	}
	if batches {
		f.URL = s.api.Base() + appPath(tenant) + "/msg/batch?with_content=false"
		f.Open, f.Close = `{"messages":[`, "]}"
	}
	return f
}

func appPath(id string) string { return "/api/v1/app/" + url.PathEscape(id) }
