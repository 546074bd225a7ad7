// Package rebuild makes good what the streams lose. PostgreSQL knows what was
// accepted and what was tried, so whatever a stream had can be made again from
// there: the streams themselves, the events on their way, the retries and dead
// letters, what tasks had handed out.
//
// One process at a time watches the streams ([Rebuilder.Run]). What it finds lost it
// notes in the database as a reconciliation, which goes on part by part in whichever
// process watches then, and does no harm when nothing was lost: all that is put on
// its way again is looked up before it is sent.
package rebuild

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

const (
	// lookEvery is how often the streams are looked at; also at each reconnect.
	lookEvery = 2 * time.Second

	// standbyEvery is how often the other processes ask whether they are to watch.
	standbyEvery = 2 * time.Second

	// lookTimeout bounds a look, and the hand-out of a part.
	lookTimeout = 15 * time.Second

	// longestRest is how long at most it rests between two parts.
	longestRest = 100 * time.Millisecond

	// part is how many rows are looked at in one transaction.
	part = 256
)

// Rebuilder makes good what the streams lose.
type Rebuilder struct {
	Bus     *bus.Bus
	Store   *store.Store
	Log     zerolog.Logger
	Metrics *Metrics // nil: none

	// Overdue is how long after it was due a retry that nobody knows of is taken for
	// lost: at least event.Late twice.
	Overdue time.Duration
}

// Run watches the streams whenever no other process does, until ctx ends. It never
// fails: what it cannot do now it does later.
func (r *Rebuilder) Run(ctx context.Context) error {
	said := ""
	for ctx.Err() == nil {
		_, err := r.Store.Alone(ctx, store.Watching, r.watch)
		switch {
		case err == nil:
			said = ""
		case err.Error() != said && ctx.Err() == nil: // say it when it changes
			said = err.Error()
			r.Log.Warn().Err(err).Msg("streams cannot be watched; trying again")
		}
		select {
		case <-time.After(standbyEvery):
		case <-ctx.Done():
		}
	}
	return nil
}

// watch looks at the streams and does what there is to do, over and over, until
// ctx ends or something fails.
func (r *Rebuilder) watch(ctx context.Context, db *store.Store) error {
	w := watch{Rebuilder: r, db: db}
	for {
		reconnected := r.Bus.Reconnected()
		if r.Bus.Connected() == nil { // without NATS there is nothing to look at and nothing to do
			if err := w.round(ctx); err != nil {
				return err
			}
		}
		timer := time.NewTimer(lookEvery)
		select {
		case <-reconnected:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		timer.Stop()
	}
}

// watch is the life of a watch, for as long as its connection to the database.
type watch struct {
	*Rebuilder

	db        *store.Store
	looked    time.Time
	consumers time.Time             // when these were looked for
	glanced   [len(looks)]time.Time // when attempts were looked at that are overdue
}

// round looks at the streams, does the reconciliation that there is to do, and looks
// for what is overdue.
func (w *watch) round(ctx context.Context) error {
	if err := w.look(ctx); err != nil {
		return err
	}
	if err := w.reconcile(ctx, w.lookAgain); err != nil {
		return err
	}
	return w.lookForOverdue(ctx)
}

// lookAgain keeps looking at the streams while a long reconciliation goes on.
func (w *watch) lookAgain(ctx context.Context) error {
	if time.Since(w.looked) < lookEvery {
		return nil
	}
	return w.look(ctx)
}

// Reconcile does the reconciliations that there are to do, unless another process
// is at it. It reports whether it could.
func (r *Rebuilder) Reconcile(ctx context.Context) (bool, error) {
	return r.Store.Alone(ctx, store.Watching, func(ctx context.Context, db *store.Store) error {
		w := watch{Rebuilder: r, db: db}
		return w.reconcile(ctx, func(context.Context) error { return nil })
	})
}

// reconcile does reconciliations, part by part, until there is none to do. Between
// two parts it calls between.
func (w *watch) reconcile(ctx context.Context, between func(context.Context) error) error {
	var begun int64
	for ctx.Err() == nil {
		next, err := w.db.NextReconciliation(ctx)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if next.ID != begun {
			// What is still on a stream, or comes back, must not be sent beside what is
			// put there again.
			if err := w.Bus.SpreadDoubt(next.Created); err != nil {
				return err
			}
			begun = next.ID
			w.Log.Info().Int64("reconciliation", next.ID).Time("since", next.Since).Str("reason", next.Reason).Msg("looking for what the streams lost")
		}
		began := time.Now()
		kind, again, done, err := w.db.AdvanceReconciliation(ctx, part, w.handOut)
		if err != nil {
			return err
		}
		rest(ctx, time.Since(began))
		w.Metrics.again(kind, again)
		if !done.Finished.IsZero() {
			w.Log.Info().Int64("reconciliation", done.ID).Interface("again", done.Counts).Dur("took", done.Finished.Sub(done.Created)).
				Msg("what the streams lost is on its way again")
		}
		if err := between(ctx); err != nil {
			return err
		}
	}
	return nil
}

// rest leaves the database to others for as long as a part took, so that a long look
// back is in nobody's way.
func rest(ctx context.Context, took time.Duration) {
	select {
	case <-time.After(min(took, longestRest)):
	case <-ctx.Done():
	}
}

// handOut puts deliveries where they belong: what has died to DLQ, what is due to
// its lane, the rest into the wheel.
func (r *Rebuilder) handOut(ctx context.Context, deliveries []event.Delivery) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	messages := make([]bus.Message, len(deliveries))
	for i := range deliveries {
		d := &deliveries[i]
		data, err := d.Encode()
		if err != nil {
			return err
		}
		m := bus.Message{Subject: d.Subject(), Tenant: d.Tenant, ID: d.Key(), Data: data}
		switch wait := time.Until(d.Due); {
		case d.Reason != "":
			m.Subject = d.DLQSubject()
		case wait > 0:
			m.Subject = event.TierFor(wait).Subject()
		}
		messages[i] = m
	}
	return r.Bus.Publish(ctx, messages...)
}
