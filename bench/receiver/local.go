package receiver

import (
	"context"
	"fmt"
	"net"
)

// Local is a receiver that serves in this process, on a port of the loopback
// address that was free.
type Local struct {
	*Receiver

	URL string

	cancel context.CancelFunc
	served chan error
}

// Start makes a receiver and serves it until Close. It goes on when ctx ends, so
// that whoever sends to it can stop first.
func Start(ctx context.Context, o Options) (*Local, error) {
	r, err := New(o)
	if err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l := &Local{Receiver: r, URL: "http://" + listener.Addr().String(), cancel: cancel, served: make(chan error, 1)}
	go func() { l.served <- r.Serve(ctx, listener) }()
	return l, nil
}

// Close ends all requests and returns when nothing is served any more.
func (l *Local) Close() error {
	l.cancel()
	return <-l.served
}
