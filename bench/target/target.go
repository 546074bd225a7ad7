// Package target speaks to webhook servers of several makes: it makes tenants and
// endpoints with them, and says how events are posted, as the documentation of each
// has it. It only speaks HTTP to what runs already.
package target

import (
	"context"
	"maps"
	"net/http"
	"slices"

	"github.com/postrider/postrider/bench/rest"
)

// Server is a webhook server of some make.
type Server interface {
	// Found makes a tenant of that name, which nobody has had before, with an endpoint
	// at each of the URLs. Each endpoint is to get all of the tenant's events.
	Found(ctx context.Context, name string, urls []string) (Tenant, error)

	// Dismiss removes a tenant, and its endpoints, as far as the server's API can.
	Dismiss(ctx context.Context, t Tenant) error

	// Form says how events are posted to the tenant of that id: one by one, or many in
	// a request where the server's make can.
	Form(tenant string, batches bool) Form
}

// Tenant is whom events are posted to: an application, an owner, a channel.
type Tenant struct {
	ID        string
	Endpoints []Endpoint // as the URLs were given
}

// Endpoint is one of a tenant's.
type Endpoint struct {
	ID  string
	Key string // by which its deliveries are signed, as a receiver takes it; empty: they are not to be checked
}

// Form is how events are posted. The body is, for each event, Before, the idempotency
// key in its member if that has a name, Between, the payload and After; and Open and
// Close around all of them, with a comma between two.
type Form struct {
	URL    string
	Header http.Header // of each request, not to be changed

	Open, Close    string
	Before, After  string
	Between        string
	KeyMember      string // of the event's object, that the idempotency key is in; empty: none
	KeyHeader      string // that it is in
	RepeatedStatus int    // what else than 2xx says that an event was accepted before, under the same key; 0: nothing
}

// Accepted tells whether an answer with that status says that all events of a request
// are accepted, as far as a request is answered as a whole.
func (f *Form) Accepted(status int) bool {
	return status >= 200 && status <= 299 || status == f.RepeatedStatus
}

// AppendEvent appends an event to a body: payload is called to append its payload. An
// empty key is none.
func (f *Form) AppendEvent(body []byte, key string, payload func([]byte) []byte) []byte {
	body = append(body, f.Before...)
	if key != "" && f.KeyMember != "" {
		body = append(body, `,"`...)
		body = append(body, f.KeyMember...)
		body = append(body, `":"`...)
		body = append(body, key...)
		body = append(body, '"')
	}
	body = append(body, f.Between...)
	body = payload(body)
	return append(body, f.After...)
}

// Kind is a make of servers.
type Kind struct {
	// Batches tells whether many events can be posted in one request.
	Batches bool

	// Numbered tells that deliveries are to be told apart by the number in their
	// payload, since answers and deliveries do not have one id of the event. Nor are
	// their signatures of a kind that a receiver here can check.
	Numbered bool

	// Tokenless tells that nobody needs a token for it.
	Tokenless bool

	open func(rest.Client) Server
}

// Open returns the server that the client calls.
func (k Kind) Open(c rest.Client) Server { return k.open(c) }

// Svix is the make that Postrider is of, too.
const Svix = "svix"

// Kinds are all makes by name.
func Kinds() map[string]Kind {
	return map[string]Kind{
		Svix:             {Batches: true, open: func(c rest.Client) Server { return svix{c} }},
		"convoy":         {Numbered: true, open: func(c rest.Client) Server { return convoy{c} }},
		"outpost":        {Numbered: true, open: func(c rest.Client) Server { return outpost{c} }},
		"webhook-broker": {Numbered: true, Tokenless: true, open: func(c rest.Client) Server { return newBroker(c) }},
	}
}

// Names lists them.
func Names() []string { return slices.Sorted(maps.Keys(Kinds())) }

// EventType is that of all events, where servers have such.
const EventType = "bench.event"

// postJSON are the headers of a request with JSON.
func postJSON(c rest.Client) http.Header {
	return http.Header{"Authorization": {c.Authorization()}, "Content-Type": {"application/json"}}
}
