package service

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/postrider/postrider/shared/bus"
)

const (
	// backlogEvery is how often a process looks what waits for its stage, and
	// backlogShare how many times as long as a look took it leaves the servers alone
	// after it: with many shards, or on a slow disk, it looks less often.
	backlogEvery   = 5 * time.Second
	backlogShare   = 20
	backlogTimeout = 5 * time.Second
)

// backlog shows what was last seen to wait for a stage: nothing before anything was
// seen.
type backlog struct {
	messages, age *prometheus.Desc

	mu   sync.Mutex
	seen bool
	last bus.Holding
}

func newBacklog() *backlog {
	return &backlog{
		messages: prometheus.NewDesc("postrider_stage_backlog_messages",
			"Messages that wait for this stage, as last seen; not those that wait for an endpoint, for a limit or for their time. All processes of a stage say the same.", nil, nil),
		age: prometheus.NewDesc("postrider_stage_oldest_message_age_seconds",
			"For how long the oldest of those messages has waited, 0 if there is none. It goes on growing while nobody can look.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (b *backlog) Describe(ch chan<- *prometheus.Desc) {
	ch <- b.messages
	ch <- b.age
}

// Collect implements prometheus.Collector.
func (b *backlog) Collect(ch chan<- prometheus.Metric) {
	b.mu.Lock()
	seen, last := b.seen, b.last
	b.mu.Unlock()
	if !seen {
		return
	}
	var age time.Duration
	if !last.Oldest.IsZero() {
		age = max(time.Since(last.Oldest), 0) // by the clock of another machine
	}
	ch <- prometheus.MustNewConstMetric(b.messages, prometheus.GaugeValue, float64(last.Messages))
	ch <- prometheus.MustNewConstMetric(b.age, prometheus.GaugeValue, age.Seconds())
}

func (b *backlog) saw(h bus.Holding) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen, b.last = true, h
}

// ShowBacklog has look called every few seconds, by one at a time, until ctx ends,
// and shows what it returns as the stage's metrics, and to whoever asks this process: how much there is for the stage
// to work on, whichever process does it, and since when. When look fails, what it
// returned last is shown.
func (e Env) ShowBacklog(ctx context.Context, look func(context.Context) (bus.Holding, error)) error {
	b := newBacklog()
	e.Reg.MustRegister(b)
	said := ""
	for {
		began := time.Now()
		bounded, cancel := context.WithTimeout(ctx, backlogTimeout)
		seen, err := look(bounded)
		cancel()
		switch {
		case err == nil:
			said = ""
			b.saw(seen)
			e.work.saw(seen)
		case ctx.Err() == nil && err.Error() != said:
			said = err.Error()
			e.Log.Warn().Err(err).Msg("what waits for this stage cannot be seen")
		}
		select {
		case <-time.After(max(backlogEvery, backlogShare*time.Since(began))):
		case <-ctx.Done():
			return nil
		}
	}
}
