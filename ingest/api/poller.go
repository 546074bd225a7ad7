package api

import (
	"encoding/base64"
	"errors"
	"net/http"
	"time"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

const (
	pollerPath   = appPath + "/poller/{sink_id}"
	consumerPath = pollerPath + "/consumer/{consumer_id}"
)

func pollerRoutes() []route {
	return []route{
		{"GET", pollerPath, forMembers, (*call).poll},
		{"GET", pollerPath + "/stream", forMembers, (*call).streamMessages},
		{"GET", consumerPath, forMembers, (*call).pollAsConsumer},
		{"POST", consumerPath + "/seek", forReplayers, (*call).seek},
	}
}

// polled is what was read, and where to go on.
type polled struct {
	Data     []message `json:"data"`
	Iterator string    `json:"iterator"`
	Done     bool      `json:"done"`
}

// iteratorOf is a position as clients carry it.
func iteratorOf(p store.Position) string {
	raw, err := p.MarshalBinary()
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// position reads where polling is to go on, and reports whether that is said.
func (p *params) position() (at store.Position, given bool) {
	text := p.values.Get("iterator")
	if text == "" {
		return at, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err == nil {
		err = at.UnmarshalBinary(raw)
	}
	if err != nil {
		p.refuse("iterator", "is not one of this list")
	}
	return at, true
}

// pollFilter reads which messages a poller is for.
func (p *params) pollFilter() store.EventFilter {
	f := store.EventFilter{Channel: p.name("channel")}
	if name := p.name("event_type"); name != "" {
		f.Types = []string{name}
	}
	return f
}

// start reads where a poller goes on, or where it is to begin.
func (p *params) start() store.Position {
	at, given := p.position()
	if after := p.moment("after"); !given && !after.IsZero() {
		at = store.PositionAt(after)
	}
	return at
}

// sink finds the application of the path. A sink is but a name that the caller
// gives what it does, so there is nothing else to be found.
func (c *call) sink(r *http.Request) (*store.Tenant, error) {
	if !isName(r.PathValue("sink_id")) {
		return nil, notFound()
	}
	return c.tenant(r)
}

// consumer finds the application of the path, and names the consumer there.
func (c *call) consumer(r *http.Request) (store.Consumer, error) {
	id := r.PathValue("consumer_id")
	if !isName(id) {
		return store.Consumer{}, notFound()
	}
	tenant, err := c.sink(r)
	if err != nil {
		return store.Consumer{}, err
	}
	return store.Consumer{Tenant: tenant.ID, Sink: r.PathValue("sink_id"), ID: id}, nil
}

// poll reads messages in the order in which they were stored, from where the
// iterator leads.
func (c *call) poll(r *http.Request) (reply, error) {
	p := readParams(r)
	at, filter, limit := p.start(), p.pollFilter(), p.limit()
	if err := p.err(); err != nil {
		return reply{}, err
	}
	tenant, err := c.sink(r)
	if err != nil {
		return reply{}, err
	}
	return c.pollFrom(r, tenant.ID, at, filter, limit)
}

// pollAsConsumer is poll whose iterator is kept here: to come with one says that
// all before it is done with. Who comes without gets again what follows that.
func (c *call) pollAsConsumer(r *http.Request) (reply, error) {
	p := readParams(r)
	at, given := p.position()
	filter, limit := p.pollFilter(), p.limit()
	if err := p.err(); err != nil {
		return reply{}, err
	}
	consumer, err := c.consumer(r)
	if err != nil {
		return reply{}, err
	}
	if given {
		err = c.Store.MoveConsumer(r.Context(), consumer, at)
	} else if at, err = c.Store.ConsumerPosition(r.Context(), consumer); errors.Is(err, store.ErrNotFound) {
		err = nil // the beginning
	}
	if err != nil {
		return reply{}, err
	}
	return c.pollFrom(r, consumer.Tenant, at, filter, limit)
}

func (c *call) pollFrom(r *http.Request, tenant event.ID, at store.Position, f store.EventFilter, limit int) (reply, error) {
	found, err := c.Store.Poll(r.Context(), tenant, at, f, limit)
	if err != nil {
		return reply{}, err
	}
	page := polled{Data: make([]message, len(found.Events)), Iterator: iteratorOf(found.Next), Done: found.Done}
	for i := range found.Events {
		page.Data[i] = showMessage(&found.Events[i], true)
	}
	return ok(page), nil
}

// seek sets where a consumer goes on.
func (c *call) seek(r *http.Request) (reply, error) {
	f, err := readForm(r)
	if err != nil {
		return reply{}, err
	}
	var after time.Time
	f.require("after")
	member(f, "after", &after)
	if err := f.err(); err != nil {
		return reply{}, err
	}
	consumer, err := c.consumer(r)
	if err != nil {
		return reply{}, err
	}
	at := store.PositionAt(after)
	return ok(struct {
		Iterator string `json:"iterator"`
	}{iteratorOf(at)}), c.Store.MoveConsumer(r.Context(), consumer, at)
}
