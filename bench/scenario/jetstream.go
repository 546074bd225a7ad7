package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/postrider/postrider/bench/rest"
	"github.com/postrider/postrider/bench/suite"
)

// lanes is what nats-server tells of its consumers, as it was seen over time:
// they come and go.
type lanes struct {
	consumers map[string]int          // most at once, by stream
	delivered map[consumerID]consumer // as last seen
}

type consumerID struct {
	stream, name string
	created      time.Time
}

// streamState is a stream as nats-server tells of it.
type streamState struct {
	Name  string `json:"name"`
	State struct {
		Messages int64 `json:"messages"`
	} `json:"state"`
	Consumers []consumer `json:"consumer_detail"`
}

type consumer struct {
	Stream    string    `json:"stream_name"`
	Name      string    `json:"name"`
	Created   time.Time `json:"created"`
	Delivered struct {
		Consumer int64 `json:"consumer_seq"` // how often it delivered anything, repetitions included
	} `json:"delivered"`
}

func newLanes() *lanes {
	return &lanes{consumers: map[string]int{}, delivered: map[consumerID]consumer{}}
}

// see takes in one look at all consumers.
func (l *lanes) see(all []consumer) {
	now := map[string]int{}
	for _, c := range all {
		now[c.Stream]++
		l.delivered[consumerID{c.Stream, c.Name, c.Created}] = c
	}
	for stream, n := range now {
		l.consumers[stream] = max(l.consumers[stream], n)
	}
}

// most is how many consumers a stream had at once.
func (l *lanes) most(stream string) int { return l.consumers[stream] }

// deliveries is how often a stream handed something out.
func (l *lanes) deliveries(stream string) (sum int64) {
	for id, c := range l.delivered {
		if id.stream == stream {
			sum += c.Delivered.Consumer
		}
	}
	return sum
}

// askStreams asks nats-server for its streams and their consumers.
func askStreams(ctx context.Context, nats rest.Client) ([]streamState, error) {
	var server struct {
		Accounts []struct {
			Streams []streamState `json:"stream_detail"`
		} `json:"account_details"`
	}
	if err := nats.Call(ctx, http.MethodGet, "/jsz?streams=1&consumers=1", nil, &server); err != nil {
		return nil, fmt.Errorf("ask nats-server: %w", err)
	}
	var all []streamState
	for _, account := range server.Accounts {
		all = append(all, account.Streams...)
	}
	return all, nil
}

// waiting is how many messages each stream has.
func (s *system) waiting(ctx context.Context) (map[string]int64, error) {
	nats := rest.New(s.MonitorURL, "", 1)
	defer nats.Close()
	streams, err := askStreams(ctx, nats)
	messages := map[string]int64{}
	for _, stream := range streams {
		messages[stream.Name] = stream.State.Messages
	}
	return messages, err
}

// settled waits until fanout has nothing left to do, and returns how many
// deliveries wait then.
func (s *system) settled(ctx context.Context, limit time.Duration) (int64, error) {
	for end := time.Now().Add(limit); ; {
		messages, err := s.waiting(ctx)
		if err != nil {
			return 0, err
		}
		if messages["EVENTS"] == 0 {
			return messages["DELIVER"] + messages["OVERFLOW"] + messages["RETRY"], nil
		}
		if time.Now().After(end) {
			return 0, fmt.Errorf("wait for fanout: %w: %d batches are left after %s", errTooLate, messages["EVENTS"], limit)
		}
		if err := suite.Pause(ctx, awaitTick); err != nil {
			return 0, err
		}
	}
}

// laneTick is how often nats-server is asked. What a consumer delivers between
// the last look at it and its end is not known.
const laneTick = 250 * time.Millisecond

// laneWatch looks at consumers until it is ended.
type laneWatch struct {
	nats  rest.Client
	stop  context.CancelFunc
	done  chan struct{}
	lanes *lanes
	err   error
}

func watchConsumers(ctx context.Context, monitor string) *laneWatch {
	ctx, stop := context.WithCancel(ctx)
	w := &laneWatch{nats: rest.New(monitor, "", 1), stop: stop, done: make(chan struct{}), lanes: newLanes()}
	go w.run(ctx)
	return w
}

func (w *laneWatch) run(ctx context.Context) {
	defer close(w.done)
	tick := time.NewTicker(laneTick)
	defer tick.Stop()
	for {
		if w.err = w.look(context.WithoutCancel(ctx)); w.err != nil {
			return
		}
		select {
		case <-ctx.Done():
			w.err = w.look(context.WithoutCancel(ctx))
			return
		case <-tick.C:
		}
	}
}

func (w *laneWatch) look(ctx context.Context) error {
	streams, err := askStreams(ctx, w.nats)
	if err != nil {
		return err
	}
	var all []consumer
	for _, stream := range streams {
		all = append(all, stream.Consumers...)
	}
	w.lanes.see(all)
	return nil
}

// end takes a last look and returns what was seen.
func (w *laneWatch) end() (*lanes, error) {
	w.close()
	return w.lanes, w.err
}

// close ends the watch, if that has not been done.
func (w *laneWatch) close() {
	w.stop()
	<-w.done
	w.nats.Close()
}
