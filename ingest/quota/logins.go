package quota

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// Logins bounds how often a client may come with a token that is wrong. Where it
// was too often, what it brings is not looked at any more for a while, unless it is
// a token that was right before, from the same client: so neither those who share
// an address with whoever guesses are locked out, nor does a guess find out more
// than that it was one too many. It is safe for concurrent use.
type Logins struct {
	failed *Quota[netip.Prefix]
	seed   maphash.Seed

	mu    sync.Mutex
	right recent[login, struct{}]
}

// login is a token, as a keyed hash, with who came with it.
type login struct {
	from  netip.Prefix
	token uint64
}

// NewLogins makes a quota of so many failures a minute of each client, which may
// come all at once. Zero is none.
func NewLogins(perMinute int) *Logins {
	return &Logins{
		failed: New[netip.Prefix](float64(perMinute)/60, perMinute),
		seed:   maphash.MakeSeed(),
		right:  newRecent[login, struct{}](capacity),
	}
}

// Blocked returns how long what a client brings is not looked at; 0: it is.
func (l *Logins) Blocked(from netip.Prefix, token string) time.Duration {
	standing := l.failed.Look(from)
	if standing.Allowed {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.right.get(l.login(from, token)); ok {
		return 0
	}
	return max(standing.Retry, time.Millisecond)
}

// Right notes that a token was right.
func (l *Logins) Right(from netip.Prefix, token string) {
	key := l.login(from, token)
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.right.get(key); !ok {
		l.right.put(key, struct{}{})
	}
}

// Wrong notes that a token was wrong, or is so from now on.
func (l *Logins) Wrong(from netip.Prefix, token string) {
	l.failed.Take(from)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.right.drop(l.login(from, token))
}

func (l *Logins) login(from netip.Prefix, token string) login {
	return login{from, maphash.String(l.seed, token)}
}
