package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"time"
)

// Bounds on every connection. What bounds a whole attempt is its context.
const (
	dialTimeout      = 5 * time.Second // all addresses of a name together, and looking them up
	handshakeTimeout = 5 * time.Second
	keepAlive        = 30 * time.Second
	idleTimeout      = 90 * time.Second
	maxHeaderBytes   = 32 << 10
)

// Bounds on HTTP/2, where one connection carries many attempts: what a receiver
// may make us hold before we read it (the default is 4 MiB for each attempt),
// and how soon a dead connection is noticed.
const (
	streamBuffer     = 64 << 10
	connectionBuffer = 1 << 20
	pingAfter        = 15 * time.Second
	pingTimeout      = 5 * time.Second
	writeTimeout     = 10 * time.Second
)

// What Pool's zero fields stand for.
const (
	defaultIdle        = 1024
	defaultIdlePerHost = 16
)

// Pool sizes the store of idle connections. Each costs its buffers, two
// goroutines and a descriptor, and closes after 90 seconds without use.
type Pool struct {
	Idle        int // of all hosts together; 0 means 1024
	IdlePerHost int // 0 means 16
}

// Client returns the client for deliveries and for every other request that a
// tenant can cause. It follows no redirects: a 3xx is the answer. It has no
// timeout of its own: give each request a context that ends. Connections are made in
// that time too.
func (p Policy) Client(pool Pool) *http.Client { return p.ClientAs(Identity{}, pool) }

// Identity is who a client is to servers that ask for a certificate, and which
// servers it takes for who they say they are.
type Identity struct {
	Certificate *tls.Certificate // nil: none
	Roots       *x509.CertPool   // whose word a server's certificate needs; nil: the system's
}

// ClientAs returns a client like that of Client, with connections of its own. It
// shows its certificate to every https server that asks for one, whichever
// authorities that server would like.
func (p Policy) ClientAs(id Identity, pool Pool) *http.Client {
	transport := p.Transport(pool)
	transport.TLSClientConfig.RootCAs = id.Roots
	if id.Certificate != nil {
		transport.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return id.Certificate, nil
		}
	}
	return &http.Client{
		Transport: bounded{transport},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

// Transport returns a transport that dials by the policy, through its proxy if it
// has one; what the environment says of proxies does not count. Refused
// connections are errors that wrap a *BlockedError; those that the proxy could not
// be asked for, a *ProxyError.
//
// It does not limit a response's body: read it through an io.LimitReader.
func (p Policy) Transport(pool Pool) *http.Transport {
	if pool.Idle <= 0 {
		pool.Idle = defaultIdle
	}
	if pool.IdlePerHost <= 0 {
		pool.IdlePerHost = defaultIdlePerHost
	}
	transport := &http.Transport{
		Proxy:                  nil,
		DialContext:            p.dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		DisableCompression:     true, // nothing to unpack, so nothing that grows
		MaxIdleConns:           pool.Idle,
		MaxIdleConnsPerHost:    pool.IdlePerHost,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		ForceAttemptHTTP2:      true, // a dialer of one's own would switch it off
		HTTP2: &http.HTTP2Config{
			MaxReceiveBufferPerStream:     streamBuffer,
			MaxReceiveBufferPerConnection: connectionBuffer,
			SendPingTimeout:               pingAfter,
			PingTimeout:                   pingTimeout,
			WriteByteTimeout:              writeTimeout,
		},
	}
	transport.DialTLSContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		return p.dialTLS(ctx, network, address, transport.TLSClientConfig)
	}
	if p.httpsOnly {
		transport.RegisterProtocol("http", refuser{})
	}
	return transport
}

// refuser is the transport for http where only https is allowed. It catches
// endpoints that were written before the operator said so.
type refuser struct{}

// RoundTrip refuses the request, and closes its body as transports must.
func (refuser) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
	return nil, &BlockedError{Reason: ReasonHTTPSOnly}
}
