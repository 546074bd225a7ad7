package receiver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// stopGrace is what answers under way may take when the server stops.
const stopGrace = 3 * time.Second

// Serve serves the receiver on the listener until ctx ends, then closes both.
// Being told to stop is no error.
func (r *Receiver) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           r,
		ReadHeaderTimeout: 30 * time.Second,
		IdleTimeout:       5 * time.Minute, // senders keep connections; an early end would cost them an attempt
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		r.Close()
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	r.Close()
	grace, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), stopGrace,
		fmt.Errorf("not within %s", stopGrace))
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		err = errors.Join(context.Cause(grace), server.Close())
		<-served
		return fmt.Errorf("stop serving: %w", err)
	}
	<-served
	return nil
}
