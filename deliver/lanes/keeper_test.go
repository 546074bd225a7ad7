package lanes

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/testkit"
)

// herd is workers on one server, and what they do to the lanes.
type herd struct {
	t      *testing.T
	server string
	bus    *bus.Bus // of whoever publishes
	sent   int

	mu      sync.Mutex
	busy    map[event.OwnLane]string // who works on a lane now
	done    map[string]bool          // messages that were worked on
	by      map[event.OwnLane]string // who worked on the lane last
	between func(worker string, l *Lane, m *bus.Msg)
}

func newHerd(t *testing.T) *herd {
	t.Helper()
	server := testkit.NATS(t).URL()
	return &herd{
		t: t, server: server, bus: testkit.Connect(t, server),
		busy: make(map[event.OwnLane]string), done: make(map[string]bool), by: make(map[event.OwnLane]string),
	}
}

// sheep is one worker.
type sheep struct {
	name   string
	wire   *testkit.Wire
	bus    *bus.Bus
	keeper *Keeper
	stop   func() // in order; returns when it has ended
}

// start starts a worker. plan changes what it does with the lanes.
func (h *herd) start(name string, plan ...func(event.OwnLane, *Plan)) *sheep {
	h.t.Helper()
	s := &sheep{name: name, wire: testkit.NewWire(h.t, h.server)}
	var err error
	s.bus, err = bus.Connect(bus.Options{URL: s.wire.URL(), Name: name})
	require.NoError(h.t, err)
	s.keeper = New(Options{Bus: s.bus, Log: testkit.Log(h.t), Plan: func(_ context.Context, l event.OwnLane) (Plan, error) {
		p := Plan{Exact: true, Serve: func(ctx, _ context.Context, l *Lane) Left { return h.serve(ctx, s, l) }}
		for _, change := range plan {
			change(l, &p)
		}
		return p, nil
	}})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.keeper.Run(ctx)
	}()
	s.stop = sync.OnceFunc(func() {
		cancel()
		<-ended
		s.bus.Close()
	})
	h.t.Cleanup(s.stop)
	return s
}

// kill has the worker die: it hears and says nothing any more.
func (s *sheep) kill() { s.wire.Cut() }

// serve works on the messages of a lane, one after the other.
func (h *herd) serve(ctx context.Context, s *sheep, l *Lane) Left {
	p, err := s.bus.Pull(l.Consumer, 4)
	if err != nil {
		return Left{Until: time.Now().Add(time.Second)}
	}
	for {
		next, cancel := context.WithTimeout(ctx, l.Patience())
		messages, err := p.Next(next, 4)
		cancel()
		if err != nil {
			messages = p.Drain()
		}
		for _, m := range messages {
			h.work(s.name, l, m)
		}
		if err != nil {
			return Left{}
		}
	}
}

func (h *herd) work(name string, l *Lane, m *bus.Msg) {
	if !l.Held() {
		m.Nak(0)
		return
	}
	h.mu.Lock()
	other, two := h.busy[l.OwnLane]
	h.busy[l.OwnLane], h.by[l.OwnLane] = name, name
	h.mu.Unlock()
	if two {
		h.t.Errorf("%s and %s work on lane %s", other, name, l.Subject())
	}
	if h.between != nil {
		h.between(name, l, m)
	} else {
		time.Sleep(time.Millisecond) // an attempt
	}
	h.mu.Lock()
	delete(h.busy, l.OwnLane)
	h.done[string(m.Data)] = true
	h.mu.Unlock()
	m.Ack()
}

func (h *herd) publish(n int, lanes ...event.OwnLane) {
	h.t.Helper()
	for range n {
		var group []bus.Message
		for _, l := range lanes {
			h.sent++
			id := fmt.Sprint(h.sent)
			group = append(group, bus.Message{Subject: l.Subject(), Tenant: l.Tenant, ID: id, Data: []byte(id)})
		}
		require.NoError(h.t, h.bus.Publish(h.t.Context(), group...))
	}
	h.bus.Signal(lanes...)
}

// worked waits until all that was published was worked on.
func (h *herd) worked() {
	h.t.Helper()
	testkit.Eventually(h.t, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.done) == h.sent
	}, "all messages are worked on")
}

// workers waits until so many are known to a worker.
func (h *herd) workers(s *sheep, n int) {
	h.t.Helper()
	testkit.Eventually(h.t, func() bool {
		s.keeper.mu.Lock()
		defer s.keeper.mu.Unlock()
		return len(s.keeper.workers) == n
	}, "%s knows of %d workers", s.name, n)
}

// closed waits until no lane is open, and no lock left.
func (h *herd) closed() {
	h.t.Helper()
	table, err := h.bus.Workers(h.t.Context())
	require.NoError(h.t, err)
	testkit.Eventually(h.t, func() bool {
		locks := 0
		ctx, cancel := context.WithCancel(h.t.Context())
		_ = table.Watch(ctx, func(r bus.Record) {
			if r.Value != nil && r.Key[0] == 'l' {
				locks++
			}
		}, cancel)
		return locks == 0
	}, "no lock is left")
}

func lanesOf(n int) []event.OwnLane {
	lanes := make([]event.OwnLane, n)
	for i := range lanes {
		lanes[i].Tenant = event.NewID()
		if i%2 == 1 {
			lanes[i].Endpoint = event.NewID()
		}
	}
	return lanes
}

func TestLanesAreServedBySignalAndBySweep(t *testing.T) {
	t.Parallel()
	h := newHerd(t)
	lanes := lanesOf(8)
	h.publish(3, lanes...) // before there is anybody to hear
	s := h.start("a")
	h.worked()
	h.publish(3, lanes...)
	h.worked()
	s.stop()
	h.closed()
}

// TestWakeUpIsNotLost publishes single messages at a lane that is idle just then,
// with no signal to tell of them.
func TestWakeUpIsNotLost(t *testing.T) {
	t.Parallel()
	h := newHerd(t)
	lanes := lanesOf(1)
	var visits atomic.Int32
	h.start("a", func(l event.OwnLane, p *Plan) {
		serve := p.Serve
		p.Serve = func(ctx, life context.Context, lane *Lane) Left {
			if visits.Add(1) > 10 {
				return serve(ctx, life, lane)
			}
			// It has looked, and found nothing; now something comes.
			h.sent++
			id := fmt.Sprint(h.sent)
			if err := h.bus.Publish(ctx, bus.Message{Subject: l.Subject(), Tenant: l.Tenant, ID: id, Data: []byte(id)}); err != nil {
				t.Error(err)
			}
			return Left{}
		}
	})
	h.publish(1, lanes...)
	testkit.Eventually(t, func() bool { return visits.Load() > 10 }, "it is looked at again, without a sweep")
	h.worked()
}

func TestHandOver(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(*sheep){
		"stopped": func(s *sheep) { s.stop() },
		"killed":  func(s *sheep) { s.kill() },
		"frozen":  func(s *sheep) { s.wire.Freeze(true) },
		"blinked": func(s *sheep) { s.wire.Interrupt() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHerd(t)
			lanes := lanesOf(20)
			a, b := h.start("a"), h.start("b")
			h.workers(a, 2)
			h.workers(b, 2)
			h.publish(200, lanes...)
			testkit.Eventually(t, func() bool {
				h.publish(1, lanes...)
				return h.shares("a") > 0 && h.shares("b") > 0
			}, "both work")
			began := time.Now()
			leave(a)
			h.worked()
			t.Logf("all done %s later", time.Since(began))
			h.start("c")
			h.publish(50, lanes...)
			h.worked()
		})
	}
}

// TestStoppingWorkerIsNotWaitedFor: of a worker that has still to finish one of its
// lanes, the others go to another at once.
func TestStoppingWorkerIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	h := newHerd(t)
	lanes := lanesOf(8)
	finish, busy := make(chan struct{}), make(chan event.OwnLane, 1)
	var one atomic.Bool
	a := h.start("a", func(l event.OwnLane, p *Plan) {
		serve := p.Serve
		p.Serve = func(ctx, life context.Context, lane *Lane) Left {
			if one.CompareAndSwap(false, true) {
				busy <- l
				<-finish
			}
			return serve(ctx, life, lane)
		}
	})
	release := sync.OnceFunc(func() { close(finish) })
	t.Cleanup(release) // or it would not end
	h.publish(1, lanes...)
	held := testkit.Receive(t, busy)
	b := h.start("b")
	h.workers(b, 2)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		a.stop()
	}()
	h.workers(b, 1)
	h.publish(5, slices.DeleteFunc(slices.Clone(lanes), func(l event.OwnLane) bool { return l == held })...)
	testkit.Eventually(t, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.done) == h.sent-1
	}, "all but one message are worked on")
	require.Empty(t, stopped)
	release()
	h.worked()
	testkit.Receive(t, stopped)
}

// shares counts the lanes that a worker worked on last.
func (h *herd) shares(name string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, by := range h.by {
		if by == name {
			n++
		}
	}
	return n
}

// TestDivide adds shards while there is a backlog: what waits is worked on where it
// is, and each lane in its order.
func TestDivide(t *testing.T) {
	t.Parallel()
	h := newHerd(t)
	last := make(map[event.OwnLane]int)
	h.between = func(_ string, l *Lane, m *bus.Msg) {
		n, err := strconv.Atoi(string(m.Data))
		h.mu.Lock()
		defer h.mu.Unlock()
		if err == nil && h.done[string(m.Data)] {
			return // its worker was taken for dead before it could say so
		}
		if err != nil || n <= last[l.OwnLane] {
			t.Errorf("lane %s: message %s after %d", l.Subject(), m.Data, last[l.OwnLane])
		}
		last[l.OwnLane] = n
	}
	workers := []*sheep{h.start("a"), h.start("b")}
	lanes := lanesOf(20)
	for n := 1; n <= 3; n++ {
		h.publish(50, lanes...)
		require.NoError(t, h.bus.Bootstrap(t.Context(), bus.Layout{Replicas: 1, Shards: n + 1}))
		h.bus.Divide(n + 1)
		h.publish(50, lanes...)
		for _, s := range workers { // they hear of it one after the other, and late
			s.bus.Divide(n + 1)
			h.publish(10, lanes...)
		}
	}
	h.worked()
	for _, s := range workers {
		s.stop()
	}
	h.closed()
}

// TestNewcomerGetsItsShare has a worker come while the lanes of another are in
// the middle of a backlog.
func TestNewcomerGetsItsShare(t *testing.T) {
	t.Parallel()
	h := newHerd(t)
	lanes := lanesOf(20)
	h.start("a")
	h.publish(100, lanes...)
	testkit.Eventually(t, func() bool { return h.shares("a") > 0 }, "it works")
	h.start("b")
	testkit.Eventually(t, func() bool {
		h.publish(10, lanes...)
		return h.shares("b") > 0
	}, "the newcomer works")
	h.worked()
}

// TestAnyHistory has workers come, go, die, and stand still at random.
func TestAnyHistory(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	h := newHerd(t)
	lanes := lanesOf(20)
	var flock, still []*sheep
	flock = append(flock, h.start("w0"))
	for n := range 20 {
		h.publish(10+random.IntN(50), lanes[random.IntN(len(lanes)):]...)
		pick := random.IntN(len(flock))
		gone := true
		switch s := flock[pick]; random.IntN(7) {
		case 0:
			go s.stop()
		case 1:
			s.kill()
		case 2:
			s.wire.Freeze(true)
			still = append(still, s)
		case 3:
			s.wire.Interrupt()
			gone = false
		default:
			gone = false
			if len(flock) < 4 {
				flock = append(flock, h.start(fmt.Sprint("w", n+1)))
			}
		}
		if gone {
			flock = append(flock[:pick], flock[pick+1:]...)
		}
		if len(still) > 0 && random.IntN(3) == 0 {
			still[0].wire.Freeze(false)
			still = still[1:]
		}
		if len(flock) == 0 {
			flock = append(flock, h.start(fmt.Sprint("w", n+1)))
		}
		time.Sleep(time.Duration(random.IntN(600)) * time.Millisecond)
	}
	h.worked()
}
