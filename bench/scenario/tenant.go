package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"

	"golang.org/x/sync/errgroup"

	"github.com/postrider/postrider/bench/sender"
)

// Classes that arrivals are counted in.
const (
	quietClass = "quiet"
	loudClass  = "loud"
)

// setupWorkers is how many tenants or endpoints are made at once.
const setupWorkers = 16

// fields are members of a JSON object.
type fields map[string]any

// endpoint is one that is to be made.
type endpoint struct {
	at        *sink
	path      string
	behaviour string // the query of its URL; its class is in it
	settings  fields
}

// tenant makes an application with endpoints.
func (s *system) tenant(ctx context.Context, name string, settings fields, endpoints ...endpoint) (sender.Target, error) {
	in := fields{"name": name}
	maps.Copy(in, settings)
	var made struct{ ID string }
	if err := s.api.Call(ctx, http.MethodPost, "/api/v1/app", in, &made); err != nil {
		return sender.Target{}, fmt.Errorf("create application: %w", err)
	}
	to := sender.Target{App: made.ID}
	for _, e := range endpoints {
		to.Paths = append(to.Paths, e.path)
	}
	return to, atOnce(ctx, len(endpoints), func(ctx context.Context, i int) error { return s.subscribe(ctx, to.App, endpoints[i]) })
}

// subscribe makes one more endpoint.
func (s *system) subscribe(ctx context.Context, app string, e endpoint) error {
	in := fields{"url": e.at.url + e.path + "?" + e.behaviour, "secret": s.secret}
	maps.Copy(in, e.settings)
	if err := s.api.Call(ctx, http.MethodPost, "/api/v1/app/"+url.PathEscape(app)+"/endpoint", in, nil); err != nil {
		return fmt.Errorf("create endpoint: %w", err)
	}
	return nil
}

// tenants makes many applications alike, each with one endpoint.
func (s *system) tenants(ctx context.Context, n int, name string, at *sink, behaviour string) ([]sender.Target, error) {
	return s.each(ctx, n, func(i int) (string, endpoint) {
		each := fmt.Sprintf("%s-%d", name, i)
		return each, endpoint{at: at, path: "/" + each, behaviour: behaviour}
	})
}

// each makes many applications, each with the name and the endpoint that it is
// told.
func (s *system) each(ctx context.Context, n int, of func(i int) (string, endpoint)) ([]sender.Target, error) {
	targets := make([]sender.Target, n)
	return targets, atOnce(ctx, n, func(ctx context.Context, i int) (err error) {
		name, only := of(i)
		targets[i], err = s.tenant(ctx, name, nil, only)
		return err
	})
}

// atOnce does something n times, some of it at once, until one of them fails.
func atOnce(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(setupWorkers)
	for i := range n {
		group.Go(func() error { return do(ctx, i) })
	}
	return group.Wait()
}

// quietTenants makes tenants whose first attempts are timed.
func (s *system) quietTenants(ctx context.Context, n int) ([]sender.Target, error) {
	return s.tenants(ctx, n, quietClass, s.quiet, "class="+quietClass)
}
