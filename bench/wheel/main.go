// Command wheel measures the retry stage by itself: a hundred thousand
// deliveries wait with delays from one second to ten hours, and those that fall
// due within the minute are timed as they come out. It starts the whole stack on
// this machine, stops deliver, and reads the lanes of retries in its place.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/postrider/postrider/bench/metrics"
	"github.com/postrider/postrider/bench/procs"
	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/stack"
)

const (
	shortest = time.Second
	longest  = 10 * time.Hour
)

func main() {
	count := flag.Int("count", 100_000, "deliveries that wait")
	rate := flag.Int("rate", 4000, "deliveries that are put there a second: about what one deliver process can fail")
	watch := flag.Duration("watch", time.Minute, "how long to watch")
	seed := flag.Uint64("seed", 1, "of the delays")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, *count, *rate, *watch, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "wheel:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, count, rate int, watch time.Duration, seed uint64) (err error) {
	s, err := start(ctx)
	if err != nil {
		return err
	}
	defer func() { //nolint:contextcheck // stops also when ctx has ended
		if stopErr := s.Stop(); err == nil {
			err = stopErr
		}
	}()
	b, err := bus.Connect(bus.Options{URL: s.NATSURL, Name: "wheel"})
	if err != nil {
		return err
	}
	defer b.Close()

	lanes, err := readLanes(ctx, b)
	if err != nil {
		return err
	}
	defer lanes.stop()
	random := rand.New(rand.NewPCG(seed, seed))
	before, err := procs.OfEach(s.Processes())
	if err != nil {
		return err
	}
	began := time.Now()
	due, err := fill(ctx, b, count, rate, func() time.Duration { return delay(random) }, began.Add(watch))
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "%d deliveries wait, put there in %.1f s; %d of them are due within %s\n",
		count, time.Since(began).Seconds(), due, watch)
	naks, err := observe(ctx, b, s.AdminURL("retry"), began.Add(watch+time.Second))
	if err != nil {
		return err
	}
	after, err := procs.OfEach(s.Processes())
	if err != nil {
		return err
	}
	return report(out, result{due: due, lanes: lanes, naks: naks, before: before, after: after})
}

func start(ctx context.Context) (*stack.Stack, error) {
	s, err := stack.Temporary(ctx, "", stack.Options{})
	if err != nil {
		return nil, err
	}
	if err := s.Signal("deliver", syscall.SIGTERM); err != nil {
		return nil, err
	}
	if _, err := s.Wait(ctx, "deliver"); err != nil {
		return nil, err
	}
	return s, nil
}

// delay is log-uniform: as many between 1 s and 10 s as between 1 h and 10 h.
func delay(random *rand.Rand) time.Duration {
	span := math.Log(float64(longest) / float64(shortest))
	return time.Duration(float64(shortest) * math.Exp(random.Float64()*span))
}

// fill puts deliveries on RETRY as deliver does, and counts those that are due
// before the time given.
func fill(ctx context.Context, b *bus.Bus, count, rate int, delay func() time.Duration, until time.Time) (due int, err error) {
	payload := make([]byte, 1024)
	const groupsPerSecond = 20
	tick := time.NewTicker(time.Second / groupsPerSecond)
	defer tick.Stop()
	for ; count > 0; <-tick.C {
		n := min(count, rate/groupsPerSecond)
		group := make([]bus.Message, n)
		for i := range group {
			wait := delay()
			d := event.Delivery{
				Event: event.NewID(), Tenant: event.NewID(), Endpoint: event.NewID(), Type: "bench.wheel",
				Attempt: 2, Due: time.Now().Add(wait), Payload: payload,
			}
			if d.Due.Before(until) {
				due++
			}
			data, err := d.Encode()
			if err != nil {
				return 0, err
			}
			group[i] = bus.Message{Subject: event.TierFor(wait).Subject(), Tenant: d.Tenant, ID: d.Key(), Data: data}
		}
		if err := b.Publish(ctx, group...); err != nil {
			return 0, err
		}
		count -= n
	}
	return due, nil
}

// observe looks at the wheel every second until the time given, and returns the
// most delayed messages that it had.
func observe(ctx context.Context, b *bus.Bus, admin string, until time.Time) (most int, err error) {
	for time.Now().Before(until) {
		pending := 0
		for _, t := range event.Tiers() {
			left, err := b.Backlog(ctx, bus.TierConsumer(t))
			if err != nil {
				return 0, err
			}
			pending += left.Pending
		}
		told, err := metrics.Ask(ctx, admin)
		if err != nil {
			return 0, err
		}
		held, says := told.Sum("postrider_retries_held")
		if !says {
			return 0, errors.New("retry does not say how many it holds")
		}
		most = max(most, pending-int(held))
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
	return most, nil
}

type result struct {
	due    int
	lanes  *lanes
	naks   int
	before map[string]procs.Usage
	after  map[string]procs.Usage
}

func report(out io.Writer, r result) error {
	late := r.lanes.late.Summary()
	used := func(name string) float64 {
		return float64((r.after[name].CPU - r.before[name].CPU).Microseconds()) / float64(max(late.Count, 1))
	}
	_, _ = fmt.Fprintf(out, `released         %d of %d due, %d early
late             %s
pending NAKs     at most %d
retry            %.1f MiB resident at most
CPU per release  retry %.0f µs, nats-server %.0f µs (putting them there included)
`, late.Count, r.due, r.lanes.early.Load(), late, r.naks, float64(r.after["retry"].Peak)/(1<<20), used("retry"), used(stack.NATS))
	if int(late.Count) < r.due || r.lanes.early.Load() > 0 {
		return fmt.Errorf("%d of %d came, %d of them early", late.Count, r.due, r.lanes.early.Load())
	}
	return nil
}
