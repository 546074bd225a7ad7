// Package door is where connections come in, before anything is known of who they
// are from. It bounds how many there are, in all and from one address, and how long
// each may take to say something; it closes first those that have said least. It
// speaks HTTP/1.1 and HTTP/2, with TLS or without.
package door

import (
	"context"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// How long a client may take, and what may be in its head. A connection that is
// slower is closed.
const (
	headTime  = 5 * time.Second // for the head of a request, and for a TLS handshake
	readTime  = 30 * time.Second
	writeTime = 60 * time.Second
	idleTime  = 2 * time.Minute
	maxHead   = 16 << 10 // bytes

	// Of HTTP/2: requests of a connection at the same time, how long it may be silent
	// before it is asked whether it lives, and how long it may leave what it is sent.
	maxStreams = 100
	pingAfter  = 30 * time.Second
	stuckTime  = 30 * time.Second
)

// Options say how a door works.
type Options struct {
	Handler     http.Handler
	Connections int            // at the same time, at least 1
	PerAddress  int            // of them from one address, at least 1
	Trusted     Proxies        // that may have any number
	Certificate *Certificate   // nil: without TLS
	Log         zerolog.Logger // news of the certificate, and at level debug what connections died of
	Reg         prometheus.Registerer
}

// Door is a server of HTTP.
type Door struct {
	server      *http.Server
	conns       *conns
	certificate *Certificate // nil: without TLS
	log         zerolog.Logger
}

// New makes a door. It starts nothing.
func New(o Options) *Door {
	d := &Door{conns: newConns(o), certificate: o.Certificate, log: o.Log}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(d.certificate != nil)
	protocols.SetUnencryptedHTTP2(d.certificate == nil) // by prior knowledge only: there is no upgrade to be smuggled
	d.server = &http.Server{
		Handler:           unambiguous(o.Handler),
		ReadHeaderTimeout: headTime,
		ReadTimeout:       readTime,
		WriteTimeout:      writeTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHead,
		Protocols:         &protocols,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams, SendPingTimeout: pingAfter, WriteByteTimeout: stuckTime},
		ConnState:         d.conns.follow,
		ErrorLog:          log.New(debug{o.Log}, "", 0),
	}
	if d.certificate != nil {
		d.server.TLSConfig = d.certificate.config()
	}
	return d
}

// Watch puts new certificates to use until ctx ends.
func (d *Door) Watch(ctx context.Context) {
	if d.certificate != nil {
		d.certificate.watch(ctx, d.log)
	}
}

// Serve takes connections until Shutdown, and returns http.ErrServerClosed then.
func (d *Door) Serve(l net.Listener) error {
	if d.certificate != nil {
		return d.server.ServeTLS(l, "", "")
	}
	return d.server.Serve(l)
}

// Shutdown takes no more connections, closes those that are idle or silent and
// returns when every request that came in is answered, or ctx has ended.
func (d *Door) Shutdown(ctx context.Context) error {
	timer := time.AfterFunc(silentGrace, d.conns.closeSilent)
	defer timer.Stop()
	return d.server.Shutdown(ctx)
}

// unambiguous closes a connection of HTTP/1 behind each request whose length is
// told by Transfer-Encoding. One that came with a Content-Length too is served by
// the former (RFC 9112 §6.3), and a proxy before us that went by the latter would
// take its end for the beginning of the next request, perhaps another client's:
// there is no next one.
func unambiguous(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 1 && len(r.TransferEncoding) > 0 {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// debug writes what the server has to say, mostly of handshakes that failed, where
// nobody is bothered by it unless they look.
type debug struct{ log zerolog.Logger }

// Write logs one message.
func (d debug) Write(text []byte) (int, error) {
	d.log.Debug().Str("said", string(text)).Msg("connection failed")
	return len(text), nil
}
