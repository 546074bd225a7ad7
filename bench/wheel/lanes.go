package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/bench/latency"
	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
)

// lanes takes what retry hands out, in the place of deliver, and times it.
type lanes struct {
	late  *latency.Histogram
	early atomic.Int64
	stop  func()
}

func readLanes(ctx context.Context, b *bus.Bus) (*lanes, error) {
	ctx, cancel := context.WithCancel(ctx)
	l := &lanes{late: latency.New()}
	var reading sync.WaitGroup
	l.stop = func() {
		cancel()
		reading.Wait()
	}
	for _, lane := range event.Lanes() {
		puller, err := b.Pull(bus.LaneConsumer(lane), 64)
		if err != nil {
			l.stop()
			return nil, err
		}
		reading.Go(func() {
			defer puller.Close()
			l.read(ctx, puller)
		})
	}
	return l, nil
}

func (l *lanes) read(ctx context.Context, p *bus.Puller) {
	for {
		messages, err := p.Next(ctx, 64)
		if err != nil {
			return // ctx has ended
		}
		now := time.Now()
		for _, m := range messages {
			d, err := event.DecodeDelivery(m.Data)
			if err != nil {
				m.Term("not a delivery")
				continue
			}
			m.Ack()
			if now.Before(d.Due) {
				l.early.Add(1)
			}
			l.late.Record(now.Sub(d.Due))
		}
	}
}
