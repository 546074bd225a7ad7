// Package account keeps what endpoints with credentials of their own are called
// with: connections on which we show a client certificate or trust a private
// authority, and access tokens. All of it is bounded, and none is kept that the
// endpoint's credentials do not stand for any more.
package account

import (
	"container/list"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/postrider/postrider/shared/certificate"
	"github.com/postrider/postrider/shared/egress"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

const (
	// maxAccounts bounds the endpoints that are remembered. Beyond it the one that
	// was called longest ago makes its connections, and gets its token, anew.
	maxAccounts = 1024

	// Connections that an account keeps while it has nothing to do. They close after
	// 90 s without use, as all do.
	idlePerAccount = 4

	// forgetAfter is how long an account without calls is remembered, which is for
	// its token.
	forgetAfter = time.Hour
)

// ErrUnusable says that there is no way to use the credentials of an endpoint.
var ErrUnusable = errors.New("credentials cannot be used")

// Book has an account for each endpoint that was called of late and has
// credentials. It is safe for concurrent use.
type Book struct {
	policy egress.Policy
	plain  *http.Client // of all other endpoints

	mu     sync.Mutex
	byID   map[event.ID]*list.Element
	recent *list.List // of *Account: called last first
}

// NewBook returns an empty book. Endpoints without credentials are called with the
// client plain, those with credentials with others by the policy.
func NewBook(policy egress.Policy, plain *http.Client) *Book {
	return &Book{policy: policy, plain: plain, byID: make(map[event.ID]*list.Element), recent: list.New()}
}

// Account is what one endpoint is called with. Release ends its use.
type Account struct {
	book *Book
	id   event.ID
	made *store.Credentials

	client *http.Client
	tokens *tokens        // nil: it needs none
	own    []*http.Client // with connections that are nobody else's

	users   int // guarded by the book
	dropped bool
	used    time.Time
}

// Open returns the account of an endpoint with its credentials as they are now,
// nil for none. Its errors are ErrUnusable, and show nothing of them.
func (b *Book) Open(endpoint event.ID, c *store.Credentials) (*Account, error) {
	if c == nil {
		return &Account{client: b.plain}, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.forget(now)
	if at, ok := b.byID[endpoint]; ok {
		a := at.Value.(*Account) //nolint:forcetypeassert // nothing else is in it
		if a.made == c || a.made.Equal(c) {
			a.made, a.used = c, now
			a.users++
			b.recent.MoveToFront(at)
			return a, nil
		}
		b.drop(at)
	}
	a, err := b.open(endpoint, c)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnusable, err)
	}
	a.users, a.used = 1, now
	b.byID[endpoint] = b.recent.PushFront(a)
	return a, nil
}

func (b *Book) open(endpoint event.ID, c *store.Credentials) (*Account, error) {
	a := &Account{book: b, id: endpoint, made: c, client: b.plain}
	who, err := identityOf(c)
	if err != nil {
		return nil, err
	}
	plain := who == egress.Identity{}
	if !plain {
		a.client = b.policy.ClientAs(who, egress.Pool{Idle: idlePerAccount, IdlePerHost: idlePerAccount})
		a.own = append(a.own, a.client)
	}
	if c.OAuth == nil {
		return a, nil
	}
	forTokens := b.plain
	if !plain {
		if who.Roots, err = trustedForTokens(c); err != nil {
			return nil, err
		}
		forTokens = b.policy.ClientAs(who, egress.Pool{Idle: 1, IdlePerHost: 1})
		a.own = append(a.own, forTokens)
	}
	a.tokens = newTokens(c.OAuth, forTokens)
	return a, nil
}

// identityOf returns how to make connections with the credentials.
func identityOf(c *store.Credentials) (egress.Identity, error) {
	var who egress.Identity
	if c.Identity != nil {
		id, err := certificate.ParseIdentity(c.Identity.Key.Reveal() + c.Identity.Certificates)
		if err != nil {
			return who, err
		}
		who.Certificate = id.TLS()
	}
	if c.ServerCA != "" {
		who.Roots = x509.NewCertPool()
		if !who.Roots.AppendCertsFromPEM([]byte(c.ServerCA)) {
			return who, errors.New("authorities cannot be read")
		}
	}
	return who, nil
}

// trustedForTokens are the authorities that a token endpoint may have its
// certificate from: the private ones of the endpoint, and those that everybody
// trusts, since it is often somebody else's server.
func trustedForTokens(c *store.Credentials) (*x509.CertPool, error) {
	if c.ServerCA == "" {
		return nil, nil //nolint:nilnil // the system's
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read the system's authorities: %w", err)
	}
	roots.AppendCertsFromPEM([]byte(c.ServerCA))
	return roots, nil
}

// Client is what to call the endpoint with. It follows no redirects.
func (a *Account) Client() *http.Client { return a.client }

// Release ends the use of the account.
func (a *Account) Release() {
	if a.book == nil {
		return
	}
	a.book.mu.Lock()
	defer a.book.mu.Unlock()
	if a.users--; a.users == 0 && a.dropped {
		a.close()
	}
}

// forget drops accounts that have not been used for long, or are too many.
func (b *Book) forget(now time.Time) {
	for at := b.recent.Back(); at != nil; at = b.recent.Back() {
		a := at.Value.(*Account) //nolint:forcetypeassert // nothing else is in it
		if b.recent.Len() < maxAccounts && now.Sub(a.used) < forgetAfter {
			return
		}
		b.drop(at)
	}
}

// drop forgets an account. Who uses it goes on with it.
func (b *Book) drop(at *list.Element) {
	a := b.recent.Remove(at).(*Account) //nolint:forcetypeassert // nothing else is in it
	delete(b.byID, a.id)
	a.dropped = true
	if a.users == 0 {
		a.close()
	}
}

// close closes the account's own connections.
func (a *Account) close() {
	for _, client := range a.own {
		client.CloseIdleConnections()
	}
}

// Close closes the connections of all accounts once nobody uses them any more.
func (b *Book) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for at := b.recent.Back(); at != nil; at = b.recent.Back() {
		b.drop(at)
	}
}
