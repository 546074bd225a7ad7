package retry

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/service"
	"github.com/postrider/postrider/shared/testkit"
)

// start runs the stage until the function that it returns is called.
func start(t *testing.T, b *bus.Bus) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		env := service.Env{Log: testkit.Log(t), Reg: prometheus.NewRegistry(), Bus: b, Drain: 10 * time.Second}
		if err := (&Stage{}).Run(ctx, env); err != nil {
			t.Error(err)
		}
	})
	stop = sync.OnceFunc(func() {
		cancel()
		done.Wait()
	})
	t.Cleanup(stop)
	return stop
}

// wait puts a delivery on RETRY that is due after a delay, as deliver does.
func wait(t *testing.T, b *bus.Bus, delays ...time.Duration) map[string]time.Time {
	t.Helper()
	due := make(map[string]time.Time)
	group := make([]bus.Message, len(delays))
	for i, delay := range delays {
		d := event.Delivery{
			Event: event.NewID(), Tenant: event.NewID(), Endpoint: event.NewID(),
			Attempt: 2, Due: time.Now().Add(delay), Payload: fmt.Append(nil, i),
		}
		data, err := d.Encode()
		require.NoError(t, err)
		group[i] = bus.Message{Subject: event.TierFor(delay).Subject(), ID: d.Key(), Data: data}
		due[d.Key()] = d.Due
	}
	require.NoError(t, b.Publish(testkit.Context(t), group...))
	return due
}

// TestPutOffComesBack has a delivery go over DELIVER and be put off: the second
// time on the same stream is no copy of the first.
func TestPutOffComesBack(t *testing.T) {
	t.Parallel()
	b := testkit.Bus(t)
	start(t, b)
	for _, attempt := range []int{1, 2} {
		d := event.Delivery{Event: event.NewID(), Tenant: event.NewID(), Endpoint: event.NewID(), Attempt: attempt}
		put := func(subject string) {
			t.Helper()
			data, err := d.Encode()
			require.NoError(t, err)
			require.NoError(t, b.Publish(testkit.Context(t), bus.Message{Subject: subject, ID: d.Key(), Data: data}))
		}
		put(d.Subject())
		require.Contains(t, released(t, b, 1), d.Key())
		d.Due = time.Now().Add(1200 * time.Millisecond)
		for d.Deferrals < 2 {
			d.Deferrals++
			put(event.TierFor(time.Second).Subject())
			at := released(t, b, 1)
			require.Contains(t, at, d.Key())
			require.False(t, at[d.Key()].Before(d.Due))
		}
	}
}

// released collects n deliveries from the lanes of retries.
func released(t *testing.T, b *bus.Bus, n int) map[string]time.Time {
	t.Helper()
	ctx, cancel := context.WithCancel(testkit.Context(t))
	var pulling sync.WaitGroup
	defer pulling.Wait()
	defer cancel()
	type arrival struct {
		key string
		at  time.Time
	}
	arrivals := make(chan arrival, n)
	for _, l := range event.Lanes() {
		p, err := b.Pull(bus.LaneConsumer(l), 32)
		require.NoError(t, err)
		pulling.Go(func() {
			defer p.Close()
			for {
				messages, err := p.Next(ctx, 32)
				if err != nil {
					return
				}
				for _, m := range messages {
					d, err := event.DecodeDelivery(m.Data)
					if err != nil {
						t.Error(err)
						return
					}
					m.Ack()
					arrivals <- arrival{d.Key(), time.Now()}
				}
			}
		})
	}
	at := make(map[string]time.Time)
	for len(at) < n {
		select {
		case a := <-arrivals:
			require.NotContains(t, at, a.key, "handed out twice")
			at[a.key] = a.at
		case <-ctx.Done():
			require.Fail(t, "deliveries are missing", "%d of %d came", len(at), n)
		}
	}
	return at
}

func TestWheelReleasesWhenDue(t *testing.T) {
	t.Parallel()
	b := testkit.Bus(t)
	start(t, b)
	var delays []time.Duration
	for _, ms := range []int{0, 300, 999, 1000, 1700, 2400, 5200, 6900} {
		for range 20 {
			delays = append(delays, time.Duration(ms)*time.Millisecond)
		}
	}
	due := wait(t, b, delays...)
	at := released(t, b, len(due))
	for key, when := range due {
		require.Contains(t, at, key)
		require.False(t, at[key].Before(when), "released %s early", when.Sub(at[key]))
	}
	testkit.Eventually(t, func() bool {
		for _, tier := range event.Tiers() {
			if left, err := b.Backlog(t.Context(), bus.TierConsumer(tier)); err != nil || left != (bus.Backlog{}) {
				return false
			}
		}
		return true
	}, "nothing is left in the wheel")
}

// TestFirstAttemptComesWhenDue: what was accepted for later waits in the wheel,
// and leaves it for the lanes of first attempts, although its message id was the
// same on RETRY.
func TestFirstAttemptComesWhenDue(t *testing.T) {
	t.Parallel()
	b := testkit.Bus(t)
	start(t, b)
	d := event.Delivery{
		Event: event.NewID(), Tenant: event.NewID(), Endpoint: event.NewID(), Attempt: 1, Due: time.Now().Add(1700 * time.Millisecond),
	}
	require.Equal(t, event.First, d.Class())
	data, err := d.Encode()
	require.NoError(t, err)
	require.NoError(t, b.Publish(testkit.Context(t), bus.Message{Subject: "retry.1s", ID: d.Key(), Data: data}))
	p, err := b.Pull(bus.LaneConsumer(d.Lane()), 1)
	require.NoError(t, err)
	defer p.Close()
	messages, err := p.Next(testkit.Context(t), 1)
	require.NoError(t, err)
	require.False(t, time.Now().Before(d.Due), "early")
	require.Equal(t, d.Subject(), messages[0].Subject)
	require.Equal(t, data, messages[0].Data)
	messages[0].Ack()
}

func TestWheelHoldsManyByTheirHeads(t *testing.T) {
	t.Parallel()
	b := testkit.Bus(t)
	start(t, b)
	delays := make([]time.Duration, 0, 4000)
	for i := range cap(delays) {
		delays = append(delays, time.Minute+time.Duration(i)*10*time.Second) // up to eleven hours, in every long tier
	}
	wait(t, b, delays...)
	soon := wait(t, b, 1500*time.Millisecond)
	released(t, b, len(soon)) // the wheel has turned
	pending := 0
	testkit.Eventually(t, func() bool { // the acknowledgement of the released one is under way
		waiting := 0
		pending = 0
		for _, tier := range event.Tiers() {
			left, err := b.Backlog(t.Context(), bus.TierConsumer(tier))
			require.NoError(t, err)
			waiting += left.Waiting
			pending += left.Pending
		}
		return waiting+pending == len(delays)
	}, "all but one still wait")
	require.LessOrEqual(t, pending, batch*len(event.Tiers()), "only heads are given back")
}

func TestWheelSurvivesItsOwnRestart(t *testing.T) {
	t.Parallel()
	server := testkit.NATS(t)
	first := testkit.Connect(t, server.URL())
	stop := start(t, first)
	delays := make([]time.Duration, 100)
	for i := range delays {
		delays[i] = time.Duration(i) * 40 * time.Millisecond
	}
	due := wait(t, first, delays...)
	time.Sleep(500 * time.Millisecond) // somewhere in the middle
	stop()
	first.Close()

	second := testkit.Connect(t, server.URL())
	start(t, second)
	at := released(t, second, len(due))
	for key, when := range due {
		require.False(t, at[key].Before(when))
	}
}

func TestMalformedMessageBlocksNobody(t *testing.T) {
	t.Parallel()
	server := testkit.NATS(t)
	b := testkit.Connect(t, server.URL())
	testkit.PublishRaw(t, server.URL(), "retry.1s", event.Format, []byte("not a delivery"))
	start(t, b)
	due := wait(t, b, 500*time.Millisecond)
	released(t, b, len(due))
	require.Equal(t, 1, testkit.StreamMessages(t, server.URL(), event.StreamRetry), "it is kept")
}
