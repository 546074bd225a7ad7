package machine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
)

const echoBytes = 32

// Wakes is what it costs to be woken: the CPU of a round trip of 32 bytes over
// loopback between two goroutines that sleep in between, and of one without a
// pause. A pipeline that hardly has anything to do is made of the first.
type Wakes struct {
	Rate         float64 // round trips a second of the first
	Rested, Busy time.Duration
}

// String says it in a sentence.
func (w Wakes) String() string {
	return fmt.Sprintf("A round trip of %d bytes over loopback between two goroutines costs this machine %d µs of CPU at %.6g/s, and %d µs without a pause.",
		echoBytes, w.Rested.Microseconds(), w.Rate, w.Busy.Microseconds())
}

// MeasureWakes measures for half of the span each. Nothing else should go on in
// this process meanwhile.
func MeasureWakes(ctx context.Context, rate float64, span time.Duration) (w Wakes, err error) {
	w.Rate = rate
	if w.Rested, err = echo(ctx, time.Duration(float64(time.Second)/rate), span/2); err != nil {
		return w, err
	}
	w.Busy, err = echo(ctx, 0, span/2)
	return w, err
}

// echo returns the CPU that this process took for a round trip.
func echo(ctx context.Context, pause, span time.Duration) (each time.Duration, err error) {
	near, far, err := pair(ctx)
	if err != nil {
		return 0, fmt.Errorf("measure wake-ups: %w", err)
	}
	echoed := make(chan struct{})
	go func() {
		defer close(echoed)
		_, _ = io.CopyBuffer(struct{ io.Writer }{far}, struct{ io.Reader }{far}, make([]byte, echoBytes)) // until near is closed
	}()
	defer func() {
		err = errors.Join(err, near.Close())
		<-echoed
		err = errors.Join(err, far.Close())
	}()
	before, start, trips := ownCPU(), time.Now(), 0
	for message := make([]byte, echoBytes); time.Since(start) < span && ctx.Err() == nil; trips++ {
		if _, err := near.Write(message); err != nil {
			return 0, fmt.Errorf("measure wake-ups: %w", err)
		}
		if _, err := io.ReadFull(near, message); err != nil {
			return 0, fmt.Errorf("measure wake-ups: %w", err)
		}
		time.Sleep(pause)
	}
	return (ownCPU() - before) / time.Duration(max(trips, 1)), context.Cause(ctx)
}

// pair is both ends of a connection over loopback.
func pair(ctx context.Context) (near, far net.Conn, err error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, listener.Close()) }()
	var dialer net.Dialer
	if near, err = dialer.DialContext(ctx, "tcp", listener.Addr().String()); err != nil { // the backlog takes it
		return nil, nil, err
	}
	if far, err = listener.Accept(); err != nil {
		return nil, nil, errors.Join(err, near.Close())
	}
	return near, far, nil
}

// ownCPU is the user and system time of this process.
func ownCPU() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail for oneself
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
