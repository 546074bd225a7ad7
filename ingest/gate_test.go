package ingest

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

func TestGate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("gone")
		var away atomic.Bool
		g := newGate(func(context.Context) error {
			if away.Load() {
				return gone
			}
			return nil
		})
		ctx, stop := context.WithCancel(t.Context())
		var shed atomic.Pointer[error] // what those who waited were told last
		done := make(chan struct{})
		go func() {
			defer close(done)
			g.watch(ctx, func(err error) { shed.Store(&err) })
		}()
		pass := func(d time.Duration) { time.Sleep(d); synctest.Wait() }

		pass(time.Hour)
		require.NoError(t, g.shut())
		require.Nil(t, shed.Load())

		away.Store(true)
		pass(2 * gateEvery)
		require.ErrorIs(t, g.shut(), api.ErrAway)
		require.ErrorIs(t, g.shut(), gone)
		require.ErrorIs(t, g.lost(), gone)
		require.NotNil(t, shed.Load(), "who waits is told, too")
		require.ErrorIs(t, *shed.Load(), api.ErrAway)
		away.Store(false)
		pass(2 * gateEvery)
		require.NoError(t, g.shut(), "it opens by itself")
		require.NoError(t, g.lost())

		quick, slow := g.commit(), g.commit()
		pass(slowCommit)
		quick()
		require.NoError(t, g.shut())
		pass(1)
		require.ErrorIs(t, g.shut(), errSlowCommit)
		pass(time.Hour)
		require.ErrorIs(t, g.shut(), errSlowCommit, "though the database answers")
		require.NoError(t, g.lost(), "the database does answer")
		slow()
		require.NoError(t, g.shut())

		g.close(errors.New("refused"))
		require.ErrorIs(t, g.shut(), api.ErrAway)
		pass(2 * gateEvery)
		require.NoError(t, g.shut())
		stop()
		<-done
	})
}

// TestGateWhileTheDatabaseHangs asks a database that says nothing: the gate shuts
// all the same, and one question at a time is asked.
func TestGateWhileTheDatabaseHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		g := newGate(func(ctx context.Context) error {
			asked.Add(1)
			<-ctx.Done()
			return ctx.Err()
		})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			g.watch(ctx, func(error) {})
		}()
		commit := g.commit()
		time.Sleep(slowCommit + 1)
		synctest.Wait()
		require.ErrorIs(t, g.shut(), errSlowCommit)
		require.EqualValues(t, 1, asked.Load())
		commit()
		stop()
		<-done
	})
}

// TestHangingDatabase freezes the connection to PostgreSQL: those who wait for a
// commit are told within the time of one, all others at once, and nothing that was
// told so is half accepted. When it is back, events are accepted again.
func TestHangingDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	wire := testkit.NewWire(t, w.database)
	s := testkit.Open(t, wire.URL())
	t.Cleanup(func() { wire.Freeze(false); wire.Cut() }) // or the pool would wait long
	w.store = s
	writer := w.writing()
	accept := func() error {
		verdicts, err := writer.Accept(t.Context(), w.event())
		if err == nil {
			err = verdicts[0].Err
		}
		return err
	}
	require.NoError(t, accept())

	wire.Freeze(true)
	first := make(chan error, 1)
	go func() { first <- accept() }()
	testkit.Eventually(t, func() bool { return errors.Is(writer.gate.shut(), api.ErrAway) }, "the gate shuts")
	require.ErrorIs(t, accept(), api.ErrAway)
	err := testkit.Receive(t, first)
	require.True(t, store.Unavailable(err) || errors.Is(err, errCommitTimeout), "%v", err)
	require.ErrorIs(t, accept(), api.ErrAway)

	wire.Freeze(false)
	testkit.Eventually(t, func() bool { return accept() == nil }, "accepted again")
}

// TestShed answers all who wait, and the line goes on with who comes then.
func TestShed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.unwatch() // who watches the gate would shed as well, should this take longer than a commit may
	release := w.hold()
	busy := w.queue(w.event(), w.event())
	testkit.Eventually(t, func() bool { return w.waiting() == 0 }, "both are taken")
	more := w.queue(w.event())
	testkit.Eventually(t, func() bool { return w.waiting() == 0 }, "by the other writer")
	waiting := w.queue(w.event(), w.event(), w.event())
	calls := w.writer.queue.shed()
	require.Len(t, calls, len(waiting))
	require.Zero(t, w.waiting())
	release()
	for _, r := range append(busy, more...) {
		require.Equal(t, api.Verdict{}, w.answer(r))
	}
	testkit.Eventually(t, func() bool {
		refusal, err := w.acceptOne(t.Context(), w.event())
		return err == nil && refusal == store.Accepted
	}, "the next one is accepted")
}

// waiting is how many events no writer has taken.
func (w *world) waiting() int {
	w.writer.queue.mu.Lock()
	defer w.writer.queue.mu.Unlock()
	return w.writer.queue.events
}
