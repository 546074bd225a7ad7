package door

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// silentGrace is how long a connection may stay without a request once the
// server shuts down: one that was made a moment ago has its request on its way.
const silentGrace = 250 * time.Millisecond

// Why a connection was closed for the sake of others.
const (
	cutAddress = "address" // its address has as many as it may have
	cutFull    = "full"    // all others are at work
	cutSilent  = "silent"  // it had not asked anything yet, and there were too many
	cutIdle    = "idle"    // it was idle, and there were too many
)

// conns is the connections of a server. Where there are as many as there may be,
// one that is new takes the place of the one that has been without a request for
// longest, of those that never made one first. So whoever only holds connections
// open holds up nobody but others who do.
type conns struct {
	max, perAddress int
	trusted         Proxies
	cut             *prometheus.CounterVec

	mu     sync.Mutex
	all    map[net.Conn]*conn
	of     map[netip.Prefix]int // by client; trusted ones are not counted
	silent list.List            // of *conn: no request has come in yet, oldest first
	idle   list.List            // of *conn: between two requests, oldest first
}

// conn is one of them.
type conn struct {
	net.Conn

	from  netip.Prefix  // zero: not counted
	queue *list.List    // nil: it is at work
	place *list.Element // in the queue
}

func newConns(o Options) *conns {
	c := &conns{
		max: o.Connections, perAddress: o.PerAddress, trusted: o.Trusted,
		all: make(map[net.Conn]*conn), of: make(map[netip.Prefix]int),
		cut: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "postrider_connections_cut_total",
			Help: "Connections that were closed for the sake of others, by why.",
		}, []string{"reason"}),
	}
	for _, reason := range []string{cutAddress, cutFull, cutSilent, cutIdle} {
		c.cut.WithLabelValues(reason)
	}
	o.Reg.MustRegister(c.cut, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "postrider_connections",
		Help: "Connections to the API that are open.",
	}, func() float64 {
		c.mu.Lock()
		defer c.mu.Unlock()
		return float64(len(c.all))
	}))
	return c
}

// follow is told of each state of each connection. The first is told before anything
// is read.
func (c *conns) follow(of net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.all[of]
	switch {
	case state == http.StateNew:
		c.admit(of)
	case known == nil: // refused, or closed for another
	case state == http.StateActive:
		known.leave()
	case state == http.StateIdle:
		known.join(&c.idle)
	default:
		c.forget(known)
	}
}

// admit lets a connection in, or closes it.
func (c *conns) admit(of net.Conn) {
	n := &conn{Conn: of, from: c.client(of)}
	if n.from.IsValid() && c.of[n.from] >= c.perAddress {
		c.close(of, cutAddress)
		return
	}
	if len(c.all) >= c.max && !c.makeRoom() {
		c.close(of, cutFull)
		return
	}
	c.all[of] = n
	if n.from.IsValid() {
		c.of[n.from]++
	}
	n.join(&c.silent)
}

// makeRoom closes the connection that is needed least, if one is not at work.
func (c *conns) makeRoom() bool {
	victim, reason := c.silent.Front(), cutSilent
	if victim == nil {
		victim, reason = c.idle.Front(), cutIdle
	}
	if victim == nil {
		return false
	}
	n := victim.Value.(*conn)
	c.forget(n)
	c.close(n.Conn, reason)
	return true
}

func (c *conns) close(of net.Conn, reason string) {
	c.cut.WithLabelValues(reason).Inc()
	hangUp(of)
}

func (c *conns) forget(n *conn) {
	n.leave()
	delete(c.all, n.Conn)
	if c.of[n.from]--; c.of[n.from] <= 0 {
		delete(c.of, n.from)
	}
}

// client is whom a connection counts for, invalid when for nobody.
func (c *conns) client(of net.Conn) netip.Prefix {
	address, err := netip.ParseAddrPort(of.RemoteAddr().String())
	if err != nil || c.trusted.Contain(address.Addr().Unmap()) {
		return netip.Prefix{}
	}
	return Client(address.Addr())
}

// closeSilent closes those on which no request has come in. The server itself waits
// five seconds for each of them when it shuts down, and load balancers and browsers
// open such connections ahead of need.
func (c *conns) closeSilent() {
	c.mu.Lock()
	var silent []net.Conn
	for e := c.silent.Front(); e != nil; e = e.Next() {
		silent = append(silent, e.Value.(*conn).Conn)
	}
	c.mu.Unlock()
	for of := range slices.Values(silent) {
		hangUp(of)
	}
}

func (n *conn) join(queue *list.List) {
	n.leave()
	n.queue, n.place = queue, queue.PushBack(n)
}

func (n *conn) leave() {
	if n.queue != nil {
		n.queue.Remove(n.place)
		n.queue, n.place = nil, nil
	}
}

// hangUp closes a connection without a word: to end TLS in form may have to wait
// for the client.
func hangUp(of net.Conn) {
	if secured, ok := of.(*tls.Conn); ok {
		of = secured.NetConn()
	}
	_ = of.Close() // whoever serves it finds out
}
