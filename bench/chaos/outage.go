package main

import (
	"context"
	"slices"
	"time"

	"github.com/postrider/postrider/bench/findings"
	"github.com/postrider/postrider/bench/sender"
	"github.com/postrider/postrider/bench/suite"
)

const (
	outageAfter = 20 * time.Second // of traffic without trouble

	natsOutage     = 60 * time.Second
	postgresOutage = 30 * time.Second

	acceptP99 = 200.0 // ms
)

// takeDown kills a process and keeps it down until the returned function is
// called.
func (t *trial) takeDown(ctx context.Context, k kind, name string) (up func(), err error) {
	release := t.supervisor.hold(name)
	end := t.diary.begin(k, process(name))
	t.Tell("%s is %s", name, k)
	err = t.supervisor.kill(name)
	if err == nil {
		_, err = t.Wait(ctx, name)
	}
	if err != nil {
		release()
		return nil, err
	}
	return func() {
		end()
		release()
		t.Tell("%s may start again", name)
	}, nil
}

// outage takes a server away for a while, and returns what was answered to
// requests that were made and answered meanwhile.
func (t *trial) outage(ctx context.Context, name string, span time.Duration) ([]sender.Answer, error) {
	if err := suite.Pause(ctx, outageAfter); err != nil {
		return nil, err
	}
	up, err := t.takeDown(ctx, down, name)
	if err != nil {
		return nil, err
	}
	gone, arrived := time.Now(), t.ledger.arrivals()
	err = suite.Pause(ctx, span)
	back := time.Now()
	t.Report.Note("deliveries that had their first attempt while "+name+" was away", "%d", t.ledger.arrivals()-arrived)
	up()
	answers := t.answers.between(gone, back)
	return slices.DeleteFunc(answers, func(a sender.Answer) bool { return a.At.Add(a.Took).After(back) }), err
}

// natsDown: what is accepted while NATS is away is delivered when it is back.
func natsDown(ctx context.Context, t *trial) error {
	answers, err := t.outage(ctx, natsServer, natsOutage)
	if err != nil {
		return err
	}
	accepted := byStatus(answers)[202]
	t.Report.Check("requests while NATS was away", float64(len(answers)), findings.AtLeast(1))
	t.Report.Check("– of them not answered 202", float64(len(answers)-accepted), findings.Exactly(0))
	t.check("– time until the answer, p99 in ms", tookAtMost(answers, 0.99), findings.Below(acceptP99))
	return nil
}

// postgresDown: nothing is accepted while PostgreSQL is away, and whoever posts is
// told when to come again.
func postgresDown(ctx context.Context, t *trial) error {
	answers, err := t.outage(ctx, postgres, postgresOutage)
	if err != nil {
		return err
	}
	advised := 0
	for _, a := range answers {
		if a.Status == 503 && a.RetryAfter != "" {
			advised++
		}
	}
	t.Report.Check("requests while PostgreSQL was away", float64(len(answers)), findings.AtLeast(1))
	t.Report.Check("– of them answered 202", float64(byStatus(answers)[202]), findings.Exactly(0))
	t.Report.Check("– of them not answered 503 with Retry-After", float64(len(answers)-advised), findings.Exactly(0))
	t.Report.Note("– time until the answer, p99 in ms", "%.0f", tookAtMost(answers, 0.99))
	return nil
}

// tookAtMost is how long that part of all answers took, at most, in ms.
func tookAtMost(answers []sender.Answer, part float64) float64 {
	var all []time.Duration
	for _, a := range answers {
		all = append(all, a.Took)
	}
	slices.Sort(all)
	return float64(share(all, part).Microseconds()) / 1000
}
