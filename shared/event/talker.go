package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// SubjectLoad is where every deliver process answers the question what it has in
// hand. It is on no stream.
const SubjectLoad = "top.deliver"

// ErrBadLoad is returned for an answer that cannot be read.
var ErrBadLoad = errors.New("malformed load")

// Talker is what a deliver process has in hand for a tenant, or for one of its
// endpoints.
type Talker struct {
	Tenant   ID
	Endpoint ID  // zero: for all of the tenant's
	Slots    int // attempts in flight
	Waiting  int // in memory, for a slot
}

// Load is what a deliver process has in hand: in all, and for the tenants and
// endpoints that have most.
type Load struct {
	Slots     int
	Tenants   []Talker
	Endpoints []Talker

	Instance string   // names the process, as Process does
	Lanes    []string // own lanes that it works on, by their subjects
}

// talker is a Talker on its way, readable like all that travels.
type talker struct {
	Tenant   string `json:"tenant"`
	Endpoint string `json:"endpoint,omitempty"`
	Slots    int    `json:"slots"`
	Waiting  int    `json:"waiting"`
}

// MarshalJSON implements json.Marshaler.
func (t Talker) MarshalJSON() ([]byte, error) {
	wire := talker{Tenant: Tenant.Format(t.Tenant), Slots: t.Slots, Waiting: t.Waiting}
	if !t.Endpoint.IsZero() {
		wire.Endpoint = Endpoint.Format(t.Endpoint)
	}
	return json.Marshal(wire)
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *Talker) UnmarshalJSON(data []byte) error {
	var wire talker
	err := json.Unmarshal(data, &wire)
	if err != nil {
		return err
	}
	*t = Talker{Slots: wire.Slots, Waiting: wire.Waiting}
	if t.Tenant, err = Tenant.Parse(wire.Tenant); err != nil {
		return err
	}
	if wire.Endpoint != "" {
		t.Endpoint, err = Endpoint.Parse(wire.Endpoint)
	}
	return err
}

// ParseLoad reads the answer of a deliver process. It returns ErrBadLoad.
func ParseLoad(data []byte) (Load, error) {
	var l Load
	if err := json.Unmarshal(data, &l); err != nil {
		return Load{}, fmt.Errorf("%w: %w", ErrBadLoad, err)
	}
	return l, nil
}

// ParseSubject tells whose deliveries a subject of DELIVER or OVERFLOW holds; the
// endpoint is zero for the lane of a tenant. It returns ErrBadLane for any other.
func ParseSubject(subject string) (tenant, endpoint ID, err error) {
	path, shared := strings.CutPrefix(subject, "deliver.")
	if shared {
		_, path, _ = strings.Cut(path, ".")
		subject = "overflow." + path
	}
	l, err := ParseOwnLane(subject)
	if err == nil && shared && l.Endpoint.IsZero() {
		err = fmt.Errorf("%w: %q", ErrBadLane, subject)
	}
	return l.Tenant, l.Endpoint, err
}
