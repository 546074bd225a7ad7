package sender

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/postrider/postrider/bench/profile"
	"github.com/postrider/postrider/bench/receiver"
)

const (
	// setupWorkers is how many applications are set up at once.
	setupWorkers = 8

	// illClass is what is added to the class for what arrives at ill endpoints.
	illClass = "-ill"
)

// tenant is an application to post to.
type tenant struct {
	Target
	messages string // URL to post to
}

func (f *fleet) tenant(to Target, batches bool) tenant {
	if batches {
		return tenant{to, f.server.base + appPath(to.App) + "/msg/batch?with_content=false"}
	}
	return tenant{to, f.server.base + appPath(to.App) + "/msg?with_content=false"}
}

// fleet is what a run sends to.
type fleet struct {
	server, sink Client
	class        string
	tenants      []tenant
	borrowed     bool // they were there before, and stay
}

// assemble makes the applications and their endpoints and tells the receiver
// their secrets, unless the configuration names some that are there. It has the
// receiver forget what it counted in this class before.
func assemble(ctx context.Context, c Config, h *http.Client, run runID) (*fleet, error) {
	f := &fleet{
		server: newClient(h, c.URL, c.Token),
		sink:   newClient(h, c.Sink, ""),
		class:  c.Class,
	}
	if f.class == "" {
		f.class = "load-" + run.String()
	}
	if err := f.forget(ctx); err != nil {
		return nil, err
	}
	targets := c.Targets
	if f.borrowed = len(targets) > 0; !f.borrowed {
		var err error
		if targets, err = f.enlist(ctx, c, run); err != nil {
			return nil, err
		}
	}
	for _, to := range targets {
		f.tenants = append(f.tenants, f.tenant(to, c.Batch > 1))
	}
	return f, nil
}

// enlist makes the applications that the configuration asks for.
func (f *fleet) enlist(ctx context.Context, c Config, run runID) ([]Target, error) {
	tenants := c.Tenants
	endpoints := func(int) []profile.Health { return slices.Repeat([]profile.Health{profile.Healthy}, c.Endpoints) }
	if c.Profile != nil {
		tenants, endpoints = c.Profile.Tenants, c.Profile.Endpoints
	}
	targets := make([]Target, tenants)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(setupWorkers)
	for i := range targets {
		group.Go(func() (err error) {
			targets[i], err = f.found(ctx, fmt.Sprintf("bench-%s-%d", run, i), endpoints(i))
			if err != nil {
				return fmt.Errorf("set up application %d: %w", i, err)
			}
			targets[i].Number = i
			return nil
		})
	}
	return targets, group.Wait()
}

// found makes one application with its endpoints.
func (f *fleet) found(ctx context.Context, name string, endpoints []profile.Health) (t Target, err error) {
	var made struct{ ID string }
	in := map[string]any{"name": name, "uid": name}
	if err := f.server.Call(ctx, http.MethodPost, "/api/v1/app", in, &made); err != nil {
		return t, fmt.Errorf("create application: %w", err)
	}
	t.App = made.ID
	for i, health := range endpoints {
		path := fmt.Sprintf("/%s/%d", name, i)
		if err := f.subscribe(ctx, t.App, path, health); err != nil {
			return t, err
		}
		if health == profile.Healthy {
			t.Paths = append(t.Paths, path)
		} else {
			t.Ill = append(t.Ill, path)
		}
	}
	return t, nil
}

// slowness is how long a slow endpoint takes for an answer.
const slowness = "2s"

// behaviour is that of an endpoint, as a receiver is told it.
func (f *fleet) behaviour(h profile.Health) string {
	class := "class=" + url.QueryEscape(f.class)
	switch h {
	case profile.Slow:
		return class + illClass + "&delay=" + slowness
	case profile.Failing:
		return class + illClass + "&fail=all"
	case profile.Dead:
		return class + illClass + "&hang=1"
	case profile.Healthy:
		return class
	}
	return class
}

// subscribe makes one endpoint with a secret of the server's making.
func (f *fleet) subscribe(ctx context.Context, app, path string, health profile.Health) error {
	var made struct{ ID string }
	in := map[string]any{"url": f.sink.base + path + "?" + f.behaviour(health)}
	endpoints := appPath(app) + "/endpoint"
	if err := f.server.Call(ctx, http.MethodPost, endpoints, in, &made); err != nil {
		return fmt.Errorf("create endpoint: %w", err)
	}
	var secret struct{ Key string }
	if err := f.server.Call(ctx, http.MethodGet, endpoints+"/"+url.PathEscape(made.ID)+"/secret", nil, &secret); err != nil {
		return fmt.Errorf("read endpoint secret: %w", err)
	}
	return f.setSecret(ctx, path, secret.Key)
}

func (f *fleet) setSecret(ctx context.Context, path, secret string) error {
	in := receiver.Setting{Path: path, Secret: secret}
	if err := f.sink.Call(ctx, http.MethodPost, "/_sink/secret", in, nil); err != nil {
		return fmt.Errorf("tell sink the secret: %w", err)
	}
	return nil
}

// dismiss removes what assemble made, at the server and at the receiver.
func (f *fleet) dismiss(ctx context.Context) error {
	if f.borrowed {
		return nil
	}
	group, limited := errgroup.WithContext(ctx)
	group.SetLimit(setupWorkers)
	for _, t := range f.tenants {
		group.Go(func() error {
			if err := f.server.Call(limited, http.MethodDelete, appPath(t.App), nil, nil); err != nil {
				return fmt.Errorf("delete application: %w", err)
			}
			for _, path := range slices.Concat(t.Paths, t.Ill) {
				if err := f.setSecret(limited, path, ""); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return f.forget(ctx)
}

// forget drops the receiver's counts of this fleet.
func (f *fleet) forget(ctx context.Context) error {
	for _, class := range []string{f.class, f.class + illClass} {
		if err := f.sink.Call(ctx, http.MethodDelete, "/_sink/stats?class="+url.QueryEscape(class), nil, nil); err != nil {
			return fmt.Errorf("reset sink: %w", err)
		}
	}
	return nil
}

func appPath(id string) string { return "/api/v1/app/" + url.PathEscape(id) }

// received is what has arrived of this fleet's events.
func (f *fleet) received(ctx context.Context) (receiver.Counts, error) {
	var stats receiver.Stats
	if err := f.sink.Call(ctx, http.MethodGet, "/_sink/stats", nil, &stats); err != nil {
		return receiver.Counts{}, fmt.Errorf("ask sink: %w", err)
	}
	return stats.Classes[f.class], nil
}
