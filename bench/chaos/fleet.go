package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/postrider/postrider/bench/sender"
)

// What events are posted to. Most tenants post so little that their deliveries
// stay in the shared lanes; one posts so much that they don't.
const (
	tenants      = 60
	fanOut       = 3  // endpoints of each, which get all of its events
	busyShare    = 10 // the busy tenant posts as much as so many others
	setupWorkers = 8

	mended = "mended" // the role of those that are down for a part of the run
)

// fleet is all applications and endpoints.
type fleet struct {
	mu      sync.Mutex // while it is being made
	targets []sender.Target
	paths   map[string][]string // of each application
	path    map[string]string   // of each endpoint, by its id
	mended  []string            // paths
	failing map[string]bool     // paths that do not receive all at the first attempt
}

// role is what an endpoint does besides receiving.
type role struct {
	name      string
	behaviour string
	settings  map[string]any
}

// failures are the roles of the tenth of all endpoints that fails. Each is given
// to as many.
func failures() []role {
	return []role{
		{"flaky", "fail_rate=0.3", nil},
		{"shaky", "fail_rate=0.5", nil}, // no run of failures long enough for a breaker, whatever has piled up
		{"doomed", "fail_events=0.5", map[string]any{"retrySchedule": shortSchedule()}}, // half of its events must become dead letters
		{"gone", "status=410", nil},            // it is disabled at the first event: all of them must
		{"silent", "fail_rate=0.05&hang", nil}, // some attempts end by their timeout
		{mended, "", map[string]any{"retrySchedule": patientSchedule()}},
	}
}

// oddities are the roles of some that receive well, but not as others do.
func oddities() []role {
	return []role{
		{"slow", "delay=300ms", nil},
		{"ordered", "", map[string]any{"ordered": true}},
		{"limited", "", map[string]any{"throttleRate": 20}},
	}
}

// patientSchedule goes on for longer than an endpoint is down.
func patientSchedule() []string { return []string{"1s", "2s", "5s", "10s", "20s", "30s", "30s", "60s"} }

// shortSchedule has ended, after the last event, before nothing but failures opens
// the breaker: then only probes would be left to wait for.
func shortSchedule() []string { return []string{"1s", "2s", "3s"} }

// roleOf gives the last endpoints of a third of all tenants to failures, and some
// more to oddities.
func roleOf(tenant, endpoint int) role {
	bad, odd := failures(), oddities()
	switch last := endpoint == fanOut-1; {
	case last && tenant < tenants*fanOut/10:
		return bad[tenant%len(bad)]
	case last && tenant%5 == 0:
		return odd[tenant/5%len(odd)]
	default:
		return role{name: "well"}
	}
}

// muster makes the fleet.
func (t *trial) muster(ctx context.Context) error {
	t.fleet.paths, t.fleet.path, t.fleet.failing = map[string][]string{}, map[string]string{}, map[string]bool{}
	made := make([]sender.Target, tenants)
	group, limited := errgroup.WithContext(ctx)
	group.SetLimit(setupWorkers)
	for i := range made {
		group.Go(func() (err error) {
			made[i], err = t.enlist(limited, i)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	t.fleet.targets = made
	for range busyShare - 1 {
		t.fleet.targets = append(t.fleet.targets, made[len(made)-1])
	}
	for _, target := range made {
		t.fleet.paths[target.App] = target.Paths
	}
	return nil
}

// note remembers an endpoint.
func (f *fleet) note(id, path string, r role) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.path[id] = path
	f.failing[path] = slices.ContainsFunc(failures(), func(each role) bool { return each.name == r.name })
	if r.name == mended {
		f.mended = append(f.mended, path)
	}
}

// enlist makes one application with its endpoints.
func (t *trial) enlist(ctx context.Context, n int) (sender.Target, error) {
	var app struct{ ID string }
	if err := t.api.Call(ctx, http.MethodPost, "/api/v1/app", map[string]any{"name": fmt.Sprintf("tenant %d", n)}, &app); err != nil {
		return sender.Target{}, fmt.Errorf("create application: %w", err)
	}
	target := sender.Target{App: app.ID}
	for i := range fanOut {
		r := roleOf(n, i)
		path := fmt.Sprintf("/%s/%d/%d", r.name, n, i)
		in := map[string]any{"url": "http://" + t.toReceivers.Addr() + path + "?" + inOneClass + "&" + r.behaviour, "secret": t.secret}
		maps.Copy(in, r.settings)
		var made struct{ ID string }
		if err := t.api.Call(ctx, http.MethodPost, "/api/v1/app/"+url.PathEscape(app.ID)+"/endpoint", in, &made); err != nil {
			return target, fmt.Errorf("create endpoint: %w", err)
		}
		target.Paths = append(target.Paths, path)
		t.fleet.note(made.ID, path, r)
	}
	return target, nil
}
