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
	"github.com/postrider/postrider/bench/rest"
	"github.com/postrider/postrider/bench/target"
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

	form target.Form
	made target.Tenant // empty for one that was there before
}

// fleet is what a run sends to.
type fleet struct {
	kind     target.Kind
	server   target.Server
	sink     rest.Client
	class    string
	tenants  []tenant
	borrowed bool // they were there before, and stay
}

// assemble makes the applications and their endpoints and tells the receiver
// their secrets, unless the configuration names some that are there. It has the
// receiver forget what it counted in this class before.
func assemble(ctx context.Context, c Config, h *http.Client, run runID) (*fleet, error) {
	kind, _ := c.kind() // which was validated
	f := &fleet{
		kind:   kind,
		server: kind.Open(rest.Over(h, c.URL, c.Token)),
		sink:   rest.Over(h, c.Sink, ""),
		class:  c.Class,
	}
	if f.class == "" {
		f.class = "load-" + run.String()
	}
	if err := f.forget(ctx); err != nil {
		return nil, err
	}
	f.borrowed = len(c.Targets) > 0
	for _, to := range c.Targets {
		f.tenants = append(f.tenants, tenant{Target: to})
	}
	if !f.borrowed {
		var err error
		if f.tenants, err = f.enlist(ctx, c, run); err != nil {
			return nil, err
		}
	}
	for i, to := range f.tenants {
		f.tenants[i].form = f.server.Form(to.App, c.Batch > 1)
	}
	return f, nil
}

// enlist makes the applications that the configuration asks for.
func (f *fleet) enlist(ctx context.Context, c Config, run runID) ([]tenant, error) {
	n := c.Tenants
	endpoints := func(int) []profile.Health { return slices.Repeat([]profile.Health{profile.Healthy}, c.Endpoints) }
	if c.Profile != nil {
		n, endpoints = c.Profile.Tenants, c.Profile.Endpoints
	}
	tenants := make([]tenant, n)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(setupWorkers)
	for i := range tenants {
		group.Go(func() (err error) {
			tenants[i], err = f.found(ctx, fmt.Sprintf("bench-%s-%d", run, i), endpoints(i))
			if err != nil {
				return fmt.Errorf("set up application %d: %w", i, err)
			}
			tenants[i].Number = i
			return nil
		})
	}
	return tenants, group.Wait()
}

// found makes one application with its endpoints.
func (f *fleet) found(ctx context.Context, name string, endpoints []profile.Health) (t tenant, err error) {
	var urls, paths []string
	for i, health := range endpoints {
		path := fmt.Sprintf("/%s/%d", name, i)
		paths, urls = append(paths, path), append(urls, f.sink.Base()+path+"?"+f.behaviour(health))
		if health == profile.Healthy {
			t.Paths = append(t.Paths, path)
		} else {
			t.Ill = append(t.Ill, path)
		}
	}
	if t.made, err = f.server.Found(ctx, name, urls); err != nil {
		return t, err
	}
	t.App = t.made.ID
	for i, e := range t.made.Endpoints {
		if e.Key == "" {
			continue
		}
		if err := f.setSecret(ctx, paths[i], e.Key); err != nil {
			return t, err
		}
	}
	return t, nil
}

// slowness is how long a slow endpoint takes for an answer.
const slowness = "2s"

// behaviour is that of an endpoint, as a receiver is told it.
func (f *fleet) behaviour(h profile.Health) string {
	class := "class=" + url.QueryEscape(f.class)
	if f.kind.Numbered {
		class = "id=number&" + class
	}
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
			if err := f.server.Dismiss(limited, t.made); err != nil {
				return err
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

// received is what has arrived of this fleet's events.
func (f *fleet) received(ctx context.Context) (receiver.Counts, error) {
	var stats receiver.Stats
	if err := f.sink.Call(ctx, http.MethodGet, "/_sink/stats", nil, &stats); err != nil {
		return receiver.Counts{}, fmt.Errorf("ask sink: %w", err)
	}
	return stats.Classes[f.class], nil
}
