package service

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/testkit"
)

// TestStatus asks a process with two stages how it is.
func TestStatus(t *testing.T) {
	t.Parallel()
	settings := good(t)
	self := make(chan func() event.Process, 1)
	able := &fake{name: "able", run: func(ctx context.Context, env Env) error {
		self <- env.Process
		env.work.saw(bus.Holding{Messages: 7, Oldest: time.Unix(1, 0)})
		<-ctx.Done()
		return nil
	}}
	start(t, settings, able, &fake{name: "unable", notReady: errors.New("has no\nhands")})
	census := testkit.Connect(t, settings.NATSURL.Reveal()).Census(event.SubjectProcess)
	process := testkit.Receive(t, self)
	var p event.Process
	testkit.Eventually(t, func() bool {
		answers, err := census.Take(testkit.Context(t))
		require.NoError(t, err)
		if len(answers) == 1 {
			p, err = event.ParseProcess(answers[0])
			require.NoError(t, err)
		}
		return len(p.Stages) == 2 && p.Stages[0].Before != nil
	}, "it tells of both stages")
	host, err := os.Hostname()
	require.NoError(t, err)
	require.Equal(t, []any{host, os.Getpid(), Version}, []any{p.Host, p.PID, p.Version})
	require.Positive(t, p.Memory)
	require.Positive(t, p.MemoryLimit)
	require.Positive(t, p.Goroutines)
	require.WithinRange(t, p.Started, time.Now().Add(-time.Minute), time.Now())
	require.Equal(t, []string{"able", "", "unable", "has no; hands"}, []string{p.Stages[0].Stage, p.Stages[0].Fault, p.Stages[1].Stage, p.Stages[1].Fault})
	require.Equal(t, 7, p.Stages[0].Before.Messages)
	require.Nil(t, p.Stages[1].Before)
	require.Equal(t, p.Instance(), new(process()).Instance(), "it knows itself what it tells others")
}

// TestWork tells of what a counter and a histogram say, step by step.
func TestWork(t *testing.T) {
	t.Parallel()
	done := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "done_total", Help: "Done."}, []string{"how"})
	delays := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "delays_seconds", Help: "Delays.", Buckets: []float64{1, 2}})
	var w work
	var shown event.StageWork
	w.sample(0)
	w.show(&shown)
	require.Equal(t, event.StageWork{}, shown, "nothing is known")

	w.count(done, delays)
	const first = 1000
	for step := range int64(event.WorkSteps + 10) {
		if step == event.WorkSteps+7 {
			continue // the process stood still
		}
		done.WithLabelValues("well").Add(float64(step))
		done.WithLabelValues("ill").Inc()
		delays.Observe(float64(step%3) + 0.5)
		w.sample(first + step)
	}
	w.show(&shown)
	const last = first + event.WorkSteps + 9
	require.Equal(t, time.Unix(last*int64(event.WorkStep/time.Second), 0).UTC(), shown.Until)
	require.Len(t, shown.Done, event.WorkSteps)
	n := len(shown.Done)
	require.Equal(t, []float64{67, 34.5, 34.5, 70}, shown.Done[n-4:], "evenly over the steps in which it stood still")
	require.Equal(t, []event.Delay{{AtMost: 1, Count: 4}, {AtMost: 2, Count: 3}, {Count: 4}}, shown.Delays, "of the last minute")
	require.Len(t, w.samples, event.WorkSteps+1, "no more is kept than is told")
}
