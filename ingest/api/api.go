// Package api is the HTTP API of Postrider: what producers post events to, and
// what operators manage applications, endpoints and deliveries with. It speaks
// the API of Svix (paths, models, errors, pagination), so that every published
// client library of theirs works; what is ours is added in the same style.
//
// An application is a tenant, a message an event, inside and below this package.
package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"github.com/rs/zerolog"

	"github.com/postrider/postrider/shared/egress"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/token"
	"github.com/postrider/postrider/shared/trace"
)

const (
	defaultMaxBatch  = 8 << 20
	defaultMaxBody   = 1 << 20
	defaultTimeout   = 10 * time.Second
	defaultRetention = maxRetention * day
)

// ErrOverloaded is what an Acceptor's error wraps when it has more to do than it
// can: the producer is told to come back.
var ErrOverloaded = errors.New("too much to accept at once")

// ErrAway is what the errors of an Acceptor and of a Gate wrap while the database
// is away or takes far too long.
var ErrAway = errors.New("the database does not answer")

// errTimeout is why the context of a request ended.
var errTimeout = errors.New("request took too long")

// Acceptor stores events so that they will be delivered. It returns a verdict on
// each, in order, and takes them all to be judged or, with an error such as
// ErrOverloaded, none. An event whose verdict is store.Accepted without an error
// is committed. With an error, of its own or of all, it may be or not.
type Acceptor interface {
	Accept(ctx context.Context, events ...*store.NewEvent) ([]Verdict, error)
}

// Verdict is what became of an event that was to be accepted.
type Verdict struct {
	Refusal store.Refusal
	Err     error
}

// Announcer puts on its way what a request has stored. It may fail: it will be found
// where it is.
type Announcer interface {
	// Announce tells those who do tasks that there is one.
	Announce(ctx context.Context, t store.Task)

	// Publish publishes accepted events. It does not wait.
	Publish(b store.Batch)
}

// Names finds the tenant that has a uid, or returns store.ErrNotFound. It may
// remember wrongly: what it says is checked when the event is stored, and Forget
// tells it when it was wrong.
type Names interface {
	TenantByUID(ctx context.Context, uid string) (event.ID, error)
	Forget(uid string)
}

// Keys finds the API key of a secret, or returns store.ErrNotFound. It may
// remember for some seconds what it found; Forget has it look again.
type Keys interface {
	APIKey(ctx context.Context, key token.Key) (*store.APIKey, error)
	Forget(id event.ID)
}

// unremembered is the store as Names: it asks every time.
type unremembered struct{ *store.Store }

// Forget has nothing to forget.
func (unremembered) Forget(string) {}

// unrememberedKeys is the store as Keys.
type unrememberedKeys struct{ store *store.Store }

// APIKey asks every time.
func (k unrememberedKeys) APIKey(ctx context.Context, key token.Key) (*store.APIKey, error) {
	return k.store.UseAPIKey(ctx, key.ID, key.Digest[:])
}

// Forget has nothing to forget.
func (unrememberedKeys) Forget(event.ID) {}

// Health is the state of what the API stands on: why each cannot be used, nil
// when it can.
type Health struct {
	Database error
	Queue    error
}

// Config is what the API is made of. All fields without a default must be set.
type Config struct {
	Store     *store.Store
	Acceptor  Acceptor
	Announcer Announcer
	Names     Names // nil: the store, asked for every message
	Keys      Keys  // nil: the store, asked for every request
	Egress    egress.Policy
	Log       zerolog.Logger
	Traces    *trace.Door // nil: no request is traced

	Token     secret.String // of an operator who may do everything; empty: there is none
	Secret    secret.String // that signs tokens of operators and members; empty: there are none
	Verify    bool          // whether endpoints of applications get nothing before they are verified
	Portal    string        // URL of the page that members use; empty: on the same host
	Retention time.Duration // of events; 0: 90 days
	MaxBody   int64         // of a request, in bytes; 0: 1 MiB
	MaxBatch  int64         // of a request with many messages, in bytes; 0: 8 MiB
	Timeout   time.Duration // of the work on a request; 0: 10 s
	Origins   []string      // of pages that may call the API, as browsers name them; "*" stands for all

	Client       func(*http.Request) netip.Prefix // whom a request is from; nil: the address of its connection
	FailedLogins int                              // wrong tokens of a client a minute; 0: any number
	KeyRate      int                              // requests with an API key a second; 0: any number
	MemberRate   int                              // requests with all tokens of an application a second; 0: any number

	Health func(context.Context) Health            // nil: of the store alone
	Talk   func(context.Context) (Talk, error)     // nil: there is nobody to ask
	Fleet  func(context.Context) (Fleet, error)    // nil: likewise
	Look   func(context.Context) ([]Stream, error) // at the streams; nil: likewise
	Lanes  laneLooker                              // nil: likewise

	Gate    func() error // why no request is let in at the moment; nil: it always is
	Refused func()       // told of each request that was refused before it was read; nil: nobody
	Limited func(Limit)  // told of each request that was one too many of its caller; nil: nobody

	Stopping <-chan struct{} // closed when streams are to end; nil: never
}

// server is the API at work.
type server struct {
	Config
	token   hidden
	secret  hidden
	signed  token.Secret   // the same, to sign
	checker *token.Checker // and to check with
	streams streams
	room    *room
	quotas  quotas
}

// New returns the API as a handler. It is safe for concurrent use and starts
// nothing.
func New(config Config) http.Handler {
	s := &server{
		Config: config,
		token:  hide(config.Token), secret: hide(config.Secret), signed: token.NewSecret(config.Secret.Reveal()),
	}
	s.checker = token.NewChecker(s.signed)
	s.room = newRoom()
	s.quotas = newQuotas(&config)
	s.complete()
	s.connect()
	return s.handler()
}

// complete sets what has a default.
func (c *Config) complete() {
	c.MaxBody = cmp.Or(c.MaxBody, defaultMaxBody)
	c.MaxBatch = cmp.Or(c.MaxBatch, defaultMaxBatch)
	c.Retention = cmp.Or(c.Retention, defaultRetention)
	c.Timeout = cmp.Or(c.Timeout, defaultTimeout)
	if c.Names == nil {
		c.Names = unremembered{c.Store}
	}
	if c.Keys == nil {
		c.Keys = unrememberedKeys{c.Store}
	}
	if c.Gate == nil {
		c.Gate = func() error { return nil }
	}
	if c.Refused == nil {
		c.Refused = func() {}
	}
	if c.Limited == nil {
		c.Limited = func(Limit) {}
	}
	if c.Client == nil {
		c.Client = direct
	}
}

// connect has nobody answer where there is nobody to ask.
func (c *Config) connect() {
	if c.Health == nil {
		c.Health = func(ctx context.Context) Health { return Health{Database: c.Store.Health(ctx)} }
	}
	if c.Talk == nil {
		c.Talk = func(context.Context) (Talk, error) { return Talk{}, nil }
	}
	if c.Fleet == nil {
		c.Fleet = func(context.Context) (Fleet, error) { return Fleet{}, nil }
	}
	if c.Lanes == nil {
		c.Lanes = func(context.Context, int) (Lanes, error) { return Lanes{}, nil }
	}
	if c.Look == nil {
		c.Look = func(context.Context) ([]Stream, error) { return nil, nil }
	}
}
