package directory

import (
	"sync"
	"time"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

// Tenant is a tenant with its endpoints as of one version. It never changes.
type Tenant struct {
	ID        event.ID
	Version   int64
	Weight    int // of its turns among all tenants
	Endpoints []*Endpoint

	ThrottleRate  int             // deliveries a second, to all endpoints together; 0: no limit
	RetrySchedule []time.Duration // nil: the installation's, empty: no retries

	byID map[event.ID]*Endpoint
}

// Endpoint returns one endpoint of the tenant.
func (t *Tenant) Endpoint(id event.ID) (e *Endpoint, ok bool) {
	e, ok = t.byID[id]
	return e, ok
}

// weight is about how much memory it takes, in KiB.
func (t *Tenant) weight() uint32 {
	total := 1
	for _, e := range t.Endpoints {
		total += 1 + e.Sealed.Size()>>10
	}
	return uint32(total)
}

// Endpoint is where events of a tenant go. It never changes.
type Endpoint struct {
	store.Target

	Tenant *Tenant

	open func() (*store.Opened, error)
}

// Open returns what the endpoint is called with. It is opened when it is asked for
// first, so a stage that calls nobody needs no keys, and remembered. An error is for
// this endpoint alone and stays until the tenant is read again.
func (e *Endpoint) Open() (*store.Opened, error) { return e.open() }

func newTenant(snap *store.Snapshot) *Tenant {
	t := Tenant{
		ID:        snap.Tenant,
		Version:   snap.Version,
		Weight:    snap.Weight,
		Endpoints: make([]*Endpoint, 0, len(snap.Targets)),

		ThrottleRate:  snap.ThrottleRate,
		RetrySchedule: snap.RetrySchedule,

		byID: make(map[event.ID]*Endpoint, len(snap.Targets)),
	}
	for _, target := range snap.Targets {
		e := &Endpoint{Target: target, Tenant: &t}
		e.open = sync.OnceValues(e.Sealed.Open)
		t.Endpoints = append(t.Endpoints, e)
		t.byID[e.ID] = e
	}
	return &t
}
