package receiver

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

// stopGrace is what answers under way may take when the server stops. A
// connection on which nothing was ever asked holds it up for as long.
const stopGrace = time.Second

// Serve serves the receiver on the listener until ctx ends, then closes both.
// Being told to stop is no error.
func (r *Receiver) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           r,
		ReadHeaderTimeout: 30 * time.Second,
		IdleTimeout:       5 * time.Minute, // senders keep connections; an early end would cost them an attempt
	}
	served := make(chan struct{})
	var failed error // to be read after served
	go func() {
		defer close(served)
		failed = server.Serve(listener)
	}()
	select {
	case <-served:
		r.Close()
		return fmt.Errorf("serve: %w", failed)
	case <-ctx.Done():
	}
	r.Close()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
	defer cancel()
	if server.Shutdown(grace) != nil {
		_ = server.Close() // whoever is still there has had his time
	}
	<-served
	return nil
}
