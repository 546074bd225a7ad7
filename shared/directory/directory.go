// Package directory remembers tenants and their endpoints for the stages that
// need them for every event. It is told of changes by PostgreSQL as they are
// committed, and whoever knows a version that must be seen asks for it, so a
// lost notification costs a look-up and never a stale answer.
package directory

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/rs/zerolog"
	"golang.org/x/sync/singleflight"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

const (
	// capacity bounds what is remembered, in KiB: a tenant or an endpoint counts as
	// one, and more if it has much to be called with.
	capacity = 100_000

	loadTimeout  = 10 * time.Second
	watchBackoff = time.Second
)

// ErrUnknown is returned for a tenant or an endpoint that does not exist, or no
// more.
var ErrUnknown = errors.New("no such tenant or endpoint")

// Directory is safe for concurrent use.
type Directory struct {
	store *store.Store
	log   zerolog.Logger
	loads singleflight.Group
	cache *otter.Cache[event.ID, *Tenant]
	types schedules

	listeners listeners

	mu       sync.Mutex // held to remember and to forget, so that the two cannot cross
	readings map[event.ID]*reading
}

// New returns an empty directory. Its answers are up to date only while Run runs.
func New(s *store.Store, log zerolog.Logger) (*Directory, error) {
	cache, err := otter.New(&otter.Options[event.ID, *Tenant]{
		MaximumWeight: capacity,
		Weigher:       func(_ event.ID, t *Tenant) uint32 { return t.weight() },
	})
	if err != nil {
		return nil, fmt.Errorf("make directory: %w", err)
	}
	return &Directory{store: s, log: log, cache: cache, readings: make(map[event.ID]*reading)}, nil
}

// Run listens for changes until ctx ends. While the database is away it keeps
// what it knows, so deliveries go on; when it is back everything is forgotten
// and read again as needed.
func (d *Directory) Run(ctx context.Context) {
	said := ""
	for {
		err := d.store.Watch(ctx, store.Watcher{Reset: func() { said = ""; d.reset() }, Tenant: d.changed, EventTypes: d.types.changed})
		if ctx.Err() != nil {
			return
		}
		if err.Error() != said { // once, not every second
			said = err.Error()
			d.log.Warn().Err(err).Msg("endpoint changes are not seen; trying again")
		}
		select {
		case <-time.After(watchBackoff):
		case <-ctx.Done():
			return
		}
	}
}

// Tenant returns the tenant with its endpoints, at least as of the version. It
// returns ErrUnknown when there is no such tenant.
func (d *Directory) Tenant(ctx context.Context, id event.ID, version int64) (*Tenant, error) {
	if t, ok := d.cache.GetIfPresent(id); ok && t.Version >= version {
		return t, nil
	}
	// Callers that need the same version share a look-up. One that began for an
	// older version may have read too early for us.
	key := fmt.Sprintf("%x %d", id, version)
	loaded, err, _ := d.loads.Do(key, func() (any, error) {
		ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), loadTimeout, errLoadTimeout)
		defer cancel()
		return d.load(ctx, id)
	})
	if err != nil {
		return nil, err
	}
	return loaded.(*Tenant), nil //nolint:forcetypeassert // load returns nothing else
}

var errLoadTimeout = fmt.Errorf("database did not answer within %s", loadTimeout)

// Endpoint returns one endpoint of the tenant, at least as of the version. It
// returns ErrUnknown when there is no such endpoint.
func (d *Directory) Endpoint(ctx context.Context, tenant, endpoint event.ID, version int64) (*Endpoint, error) {
	t, err := d.Tenant(ctx, tenant, version)
	if err != nil {
		return nil, err
	}
	e, ok := t.Endpoint(endpoint)
	if !ok {
		return nil, ErrUnknown
	}
	return e, nil
}

// Known is Endpoint for what is remembered: it asks nobody, and knows nothing of
// the others.
func (d *Directory) Known(tenant, endpoint event.ID, version int64) (e *Endpoint, ok bool) {
	t, ok := d.cache.GetIfPresent(tenant)
	if !ok || t.Version < version {
		return nil, false
	}
	return t.Endpoint(endpoint)
}

func (d *Directory) load(ctx context.Context, id event.ID) (*Tenant, error) {
	told := d.begin(id)
	defer d.end(id, told)
	snap, err := d.store.Snapshot(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrUnknown
	}
	if err != nil {
		return nil, err
	}
	t := newTenant(snap)
	d.mu.Lock()
	defer d.mu.Unlock()
	if !told.changed { // else what was read may be older than a change already told
		d.cache.Set(id, t)
	}
	return t, nil
}

// reading is the look-ups of one tenant that are under way since the same change.
type reading struct {
	loads   int
	changed bool // the tenant has, since they began
}

// begin takes note of a look-up.
func (d *Directory) begin(id event.ID) *reading {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.readings[id]
	if r == nil {
		r = &reading{}
		d.readings[id] = r
	}
	r.loads++
	return r
}

func (d *Directory) end(id event.ID, r *reading) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.loads--; r.loads == 0 && d.readings[id] == r {
		delete(d.readings, id)
	}
}

func (d *Directory) changed(id event.ID) {
	d.forget(id)
	d.listeners.changed(id)
}

func (d *Directory) reset() {
	d.types.changed()
	d.forgetAll()
	d.listeners.changed(event.ID{})
}

// forget forgets a tenant, and has whoever is reading it not remember it.
func (d *Directory) forget(id event.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r := d.readings[id]; r != nil {
		r.changed = true
		delete(d.readings, id) // who begins now reads what is true
	}
	d.cache.Invalidate(id)
}

// forgetAll forgets all tenants.
func (d *Directory) forgetAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range d.readings {
		r.changed = true
	}
	clear(d.readings)
	d.cache.InvalidateAll()
}
