package event

import (
	"errors"
	"fmt"
	"strings"
)

// StreamOverflow holds the lanes of single tenants and endpoints.
const StreamOverflow = "OVERFLOW"

// SubjectsOverflow are all subjects of OVERFLOW, and SubjectsOfTenants those of the
// lanes of tenants.
const (
	SubjectsOverflow  = "overflow.>"
	SubjectsOfTenants = "overflow.*"
)

// ErrBadLane is returned for a text that names no own lane.
var ErrBadLane = errors.New("no lane of a tenant or an endpoint")

// OwnLane is a lane of a single tenant or of one of its endpoints: one subject of
// OVERFLOW, with a consumer only while somebody works on it. What waits there is
// in nobody's way and costs nothing, however much it is. The zero value is no
// lane.
type OwnLane struct {
	Tenant   ID
	Endpoint ID // zero: the tenant's own
}

// IsZero reports whether the value is no lane.
func (l OwnLane) IsZero() bool { return l.Tenant.IsZero() }

// Subject of the lane on OVERFLOW: overflow.<tenant> or
// overflow.<tenant>.<endpoint>. The filter of its consumer is just this, since
// only a literal one finds its messages by an index.
func (l OwnLane) Subject() string { return "overflow." + l.path(".") }

// Name of the lane's consumer.
func (l OwnLane) Name() string { return l.path("-") }

// Kind is what attempts remember of the lane that their delivery came by: tenant
// or endpoint.
func (l OwnLane) Kind() string {
	if l.Endpoint.IsZero() {
		return "tenant"
	}
	return "endpoint"
}

// MessageID of a delivery on its way into the lane. A delivery may come into the
// lane of its endpoint out of that of its tenant, on the same stream, so its key
// alone would have it dropped as a copy of itself.
func (l OwnLane) MessageID(d *Delivery) string { return d.Key() + "@" + l.Kind() }

func (l OwnLane) path(separator string) string {
	if l.Endpoint.IsZero() {
		return Tenant.Format(l.Tenant)
	}
	return Tenant.Format(l.Tenant) + separator + Endpoint.Format(l.Endpoint)
}

// ParseOwnLane reads a subject of OVERFLOW. It returns ErrBadLane for any other.
func ParseOwnLane(subject string) (OwnLane, error) {
	var l OwnLane
	path, ok := strings.CutPrefix(subject, "overflow.")
	if !ok {
		return l, fmt.Errorf("%w: %q", ErrBadLane, subject)
	}
	tenant, endpoint, own := strings.Cut(path, ".")
	var err error
	if l.Tenant, err = Tenant.Parse(tenant); err != nil {
		return OwnLane{}, fmt.Errorf("%w: %q: %w", ErrBadLane, subject, err)
	}
	if !own {
		return l, nil
	}
	if l.Endpoint, err = Endpoint.Parse(endpoint); err != nil {
		return OwnLane{}, fmt.Errorf("%w: %q: %w", ErrBadLane, subject, err)
	}
	return l, nil
}
