package sender

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/postrider/postrider/bench/receiver"
	"github.com/postrider/postrider/bench/rest"
)

const (
	// overtime is how much longer than planned an open loop may take to send what
	// it is behind with.
	overtime = 10 * time.Second

	drainTick = 50 * time.Millisecond
)

// Run is one load, in this order: Send, Drain, Result, Close.
type Run struct {
	config  Config
	id      runID
	http    *http.Client
	fleet   *fleet
	payload payload
	tally   *tally

	start   time.Time
	sending time.Duration   // how long Send took
	unsent  int64           // events that Send didn't come to
	early   receiver.Counts // what had arrived when Send ended
	counts  receiver.Counts // what has arrived, as last asked
}

// Prepare checks the configuration and sets up applications and endpoints.
func Prepare(ctx context.Context, c Config) (*Run, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	r := &Run{
		config:  c,
		id:      newRunID(),
		http:    rest.HTTP(c.Senders),
		payload: newPayload(c.largest()),
		tally:   newTally(),
	}
	var err error
	if r.fleet, err = assemble(ctx, c, r.http, r.id); err != nil {
		r.http.CloseIdleConnections()
		return nil, err
	}
	return r, nil
}

// Send sends, and returns when every request is answered.
func (r *Run) Send(ctx context.Context) error {
	plan, stop := r.schedule()
	defer stop()
	patience, cancel := context.WithTimeout(ctx, r.config.Duration+overtime)
	defer cancel()
	r.start = time.Now()
	begun := follow(patience, r.config.Senders, plan, r.start, func(o order, due time.Time) { r.deliver(ctx, o, due) })
	r.sending = time.Since(r.start)
	r.unsent = plan.missed(begun) * int64(max(r.config.Batch, 1))
	if err := r.look(ctx); err != nil {
		return err
	}
	r.early = r.counts
	return nil
}

// schedule is what the configuration asks for.
func (r *Run) schedule() (s schedule, stop func()) {
	c := r.config
	if c.Profile != nil {
		return newProfiled(*c.Profile, c.Duration, r.fleet.tenants)
	}
	all := turns{len(r.fleet.tenants), c.Size}
	batch := max(c.Batch, 1)
	requests := c.Events / int64(batch)
	if c.Rate > 0 {
		return newSteady(all, c.Rate/float64(batch), c.Duration, requests), func() {}
	}
	return ceaseless{all, c.Duration, requests}, func() {}
}

// Drain waits until all that was accepted has arrived, at most as long as the
// configuration allows. That something is missing then is no error of Drain's.
func (r *Run) Drain(ctx context.Context) error {
	tick := time.NewTicker(drainTick)
	defer tick.Stop()
	limit := time.NewTimer(r.config.Drain)
	defer limit.Stop()
	for r.counts.Distinct < r.tally.due().deliveries {
		select {
		case <-tick.C:
		case <-limit.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err := r.look(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Result waits for duplicates and tells what came of it all.
func (r *Run) Result(ctx context.Context) (Result, error) {
	if !sleepUntil(ctx, time.Now().Add(r.config.Settle)) {
		return Result{}, context.Cause(ctx)
	}
	if err := r.look(ctx); err != nil {
		return Result{}, err
	}
	return r.result(), nil
}

// Close removes the applications, if the configuration does not keep them and
// nothing is left to look into.
func (r *Run) Close(ctx context.Context) error {
	defer r.http.CloseIdleConnections()
	if r.config.Keep || r.start.IsZero() || len(r.result().Problems()) > 0 {
		return nil
	}
	if err := r.fleet.dismiss(ctx); err != nil {
		return fmt.Errorf("clean up: %w", err)
	}
	return nil
}

func (r *Run) look(ctx context.Context) error {
	counts, err := r.fleet.received(ctx)
	if err != nil {
		return err
	}
	r.counts = counts
	return nil
}

// Do is a whole run.
func Do(ctx context.Context, c Config) (result Result, err error) {
	r, err := Prepare(ctx, c)
	if err != nil {
		return Result{}, fmt.Errorf("prepare load: %w", err)
	}
	defer func() { err = errors.Join(err, r.Close(ctx)) }()
	if err := r.Send(ctx); err != nil {
		return Result{}, fmt.Errorf("send: %w", err)
	}
	if err := r.Drain(ctx); err != nil {
		return Result{}, fmt.Errorf("drain: %w", err)
	}
	return r.Result(ctx)
}
