package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/postrider/postrider/bench/sender"
)

const (
	senders = 1024
	tries   = 6 // of a request: for a second and a half, so that most kills are survived

	// The receivers count all in one class: what is counted here is in the ledger.
	oneClass   = "all"
	inOneClass = "class=" + oneClass
)

// load is a part of the traffic: so much of the rate, in events of a size and in
// such batches.
type load struct {
	share       float64
	size, batch int
}

// loads: most events come alone and small; some come together, and a few are too
// large to travel inside messages.
func loads(size int) []load {
	return []load{{0.84, cmp.Or(size, 1<<10), 1}, {0.15, 600, 10}, {0.01, 100 << 10, 1}}
}

// send sends all loads by the clock, and returns when every request has been
// answered or given up.
func (t *trial) send(ctx context.Context) error {
	var runs []*sender.Run
	for _, l := range loads(t.fault.size) {
		run, err := sender.Prepare(ctx, sender.Config{
			URL: t.URL, Token: t.Token, Sink: t.receivers.URL,
			Tenants: len(t.fleet.targets), Targets: t.fleet.targets, Class: oneClass, Keep: true,
			Rate: t.rate * l.share, Duration: t.span, Size: l.size, Batch: l.batch,
			Senders: senders, Idempotency: true, Tries: tries,
			Accepted: t.ledger.accept, Answered: t.answers.note,
		})
		if err != nil {
			return err
		}
		runs = append(runs, run)
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, run := range runs {
		group.Go(func() error { return t.follow(ctx, run) })
	}
	return group.Wait()
}

func (t *trial) follow(ctx context.Context, run *sender.Run) (err error) {
	defer func() { err = errors.Join(err, run.Close(ctx)) }()
	if err := run.Send(ctx); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	result, err := run.Result(ctx)
	t.givenUp.Add(result.Failed)
	t.unsent.Add(result.Unsent)
	return err
}

// answers is what the API has answered. It is safe for concurrent use.
type answers struct {
	mu  sync.Mutex
	all []sender.Answer
}

func (a *answers) note(answer sender.Answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.all) < maxEntries {
		a.all = append(a.all, answer)
	}
}

// between returns the answers to requests that were made in that time.
func (a *answers) between(from, to time.Time) []sender.Answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	var found []sender.Answer
	for _, answer := range a.all {
		if !answer.At.Before(from) && answer.At.Before(to) {
			found = append(found, answer)
		}
	}
	return found
}

// byStatus counts answers; 0 is none.
func byStatus(all []sender.Answer) map[int]int {
	counts := map[int]int{}
	for _, answer := range all {
		counts[answer.Status]++
	}
	return counts
}
