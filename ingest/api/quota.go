package api

import (
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/postrider/postrider/ingest/quota"
	"github.com/postrider/postrider/shared/event"
)

// Limit is a limit on how often callers may come.
type Limit string

// The limits that there are.
const (
	LimitLogins  Limit = "logins"  // wrong tokens of a client
	LimitKeys    Limit = "keys"    // requests with an API key
	LimitMembers Limit = "members" // requests with the tokens of an application

	LimitChallenges Limit = "challenges" // of an endpoint, or of those of an application
)

// Limits are all of them.
func Limits() []Limit { return []Limit{LimitLogins, LimitKeys, LimitMembers, LimitChallenges} }

// burstTime is how long a caller may have been away and make up for it at once.
const burstTime = 2 // seconds

// quotas are how often who may do what. Operators may do anything as often as they
// like.
type quotas struct {
	logins        *quota.Logins
	keys, members *quota.Quota[event.ID]
}

func newQuotas(c *Config) quotas {
	return quotas{
		logins:  quota.NewLogins(c.FailedLogins),
		keys:    quota.New[event.ID](float64(c.KeyRate), burstTime*c.KeyRate),
		members: quota.New[event.ID](float64(c.MemberRate), burstTime*c.MemberRate),
	}
}

// charge counts a request of a caller, tells in the header how that stands with the
// quota, and refuses what is too much.
func (s *server) charge(c *caller, header http.Header) error {
	var standing quota.Standing
	var limit Limit
	switch {
	case c.member != nil:
		standing, limit = s.quotas.members.Take(c.member.Tenant), LimitMembers
	case !c.key.IsZero():
		standing, limit = s.quotas.keys.Take(c.key), LimitKeys
	default:
		return nil
	}
	if standing.Limit > 0 {
		header.Set("Ratelimit-Limit", strconv.Itoa(standing.Limit))
		header.Set("Ratelimit-Remaining", strconv.Itoa(standing.Left))
		header.Set("Ratelimit-Reset", seconds(standing.Full))
	}
	if standing.Allowed {
		return nil
	}
	s.Limited(limit)
	return tooManyFor("Too many requests, slow down", standing.Retry)
}

// seconds rounds up: who waits so long does not come too early.
func seconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }

// direct tells whom a request is from by its connection.
func direct(r *http.Request) netip.Prefix {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{}
	}
	return netip.PrefixFrom(peer.Addr(), peer.Addr().BitLen())
}
