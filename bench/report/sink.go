package main

import (
	"context"
	"fmt"
	"net"

	"github.com/postrider/postrider/bench/receiver"
)

// sink is a receiver in this process.
type sink struct {
	url    string
	cancel context.CancelFunc
	served chan error
}

func startSink(ctx context.Context) (*sink, error) {
	r, err := receiver.New(receiver.Options{})
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	// It goes on when ctx ends, so that the system stops before it does.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &sink{url: "http://" + listener.Addr().String(), cancel: cancel, served: make(chan error, 1)}
	go func() { s.served <- r.Serve(ctx, listener) }()
	return s, nil
}

func (s *sink) stop() error {
	s.cancel()
	return <-s.served
}
