package service

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
)

// delaysFor is how many of the last steps the delays are shown of.
const delaysFor = int64(time.Minute / event.WorkStep)

// work is what a stage has done in this process, as its metrics were at the end of
// each step.
type work struct {
	mu           sync.Mutex
	done, delays prometheus.Collector // nil: not known
	samples      []sample             // the newest last
	before       *event.Unfinished
}

// sample is what a stage had done since it began.
type sample struct {
	step   int64 // that ended then, counted from 1970 on
	done   float64
	delays []event.Delay
}

func (w *work) count(done, delays prometheus.Collector) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done, w.delays, w.samples = done, delays, nil
}

// saw is told what waits for the stage.
func (w *work) saw(h bus.Holding) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.before = &event.Unfinished{Messages: h.Messages, Oldest: h.Oldest, Seen: time.Now().UTC()}
}

// sample takes note of what was done until the end of a step.
func (w *work) sample(step int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done == nil {
		return
	}
	s := sample{step: step}
	for _, m := range read(w.done) {
		s.done += m.GetCounter().GetValue()
	}
	if w.delays != nil {
		for _, m := range read(w.delays) {
			s.delays = classes(m.GetHistogram())
		}
	}
	w.samples = append(w.samples, s)
	if surplus := len(w.samples) - event.WorkSteps - 1; surplus > 0 {
		w.samples = append(w.samples[:0], w.samples[surplus:]...)
	}
}

// show adds what is known to what is told of the stage.
func (w *work) show(to *event.StageWork) {
	w.mu.Lock()
	defer w.mu.Unlock()
	to.Before = w.before
	if len(w.samples) < 2 {
		return
	}
	last := w.samples[len(w.samples)-1]
	to.Until = time.Unix(0, last.step*int64(event.WorkStep)).UTC()
	for i := 1; i < len(w.samples); i++ {
		before, after := w.samples[i-1], w.samples[i]
		for range after.step - before.step { // more than one when the process stood still
			to.Done = append(to.Done, (after.done-before.done)/float64(after.step-before.step))
		}
	}
	to.Done = to.Done[max(len(to.Done)-event.WorkSteps, 0):]
	from := w.samples[0]
	for _, s := range w.samples {
		if last.step-s.step >= delaysFor {
			from = s
		}
	}
	for i, d := range last.delays {
		to.Delays = append(to.Delays, event.Delay{AtMost: d.AtMost, Count: d.Count - from.delays[i].Count})
	}
}

// read is all metrics of a collector.
func read(c prometheus.Collector) (all []*dto.Metric) {
	ch := make(chan prometheus.Metric)
	go func() {
		defer close(ch)
		c.Collect(ch)
	}()
	for m := range ch {
		var value dto.Metric
		if m.Write(&value) == nil {
			all = append(all, &value)
		}
	}
	return all
}

// classes are how many values of a histogram are in each of its buckets, and after
// the last of them.
func classes(h *dto.Histogram) (all []event.Delay) {
	var sum uint64
	for _, b := range h.GetBucket() {
		all = append(all, event.Delay{AtMost: b.GetUpperBound(), Count: b.GetCumulativeCount() - sum})
		sum = b.GetCumulativeCount()
	}
	return append(all, event.Delay{Count: h.GetSampleCount() - sum})
}
