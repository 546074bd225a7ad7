package directory

import (
	"fmt"
	"time"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/signature"
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

// Endpoint is where events of a tenant go. It never changes.
type Endpoint struct {
	store.Target

	Tenant *Tenant

	keys []key
}

type key struct {
	signature.Key
	expiresAt time.Time // zero: never
}

// Keys returns the keys that sign at the time given: the current one and those
// that were rotated away and have not expired yet.
func (e *Endpoint) Keys(now time.Time) []signature.Key {
	keys := make([]signature.Key, 0, len(e.keys))
	for _, k := range e.keys {
		if k.expiresAt.IsZero() || now.Before(k.expiresAt) {
			keys = append(keys, k.Key)
		}
	}
	return keys
}

func newTenant(snap *store.Snapshot) (*Tenant, error) {
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
		for _, s := range target.Secrets {
			parsed, err := signature.ParseKey(s.Key)
			if err != nil {
				return nil, fmt.Errorf("read key of endpoint %s: %w", event.Endpoint.Format(target.ID), err)
			}
			e.keys = append(e.keys, key{parsed, s.ExpiresAt})
		}
		t.Endpoints = append(t.Endpoints, e)
		t.byID[e.ID] = e
	}
	return &t, nil
}
