package api

import (
	"cmp"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/postrider/postrider/shared/event"
)

// aMinute is how many of the last steps the rate of a stage is of.
const aMinute = int(time.Minute / event.WorkStep)

// stage is a stage in all processes, as clients see it.
type stage struct {
	Stage          string        `json:"stage"`
	Processes      int           `json:"processes"`
	Ready          int           `json:"ready"`
	PerSecond      float64       `json:"perSecond"`
	Recent         recent        `json:"recent"`
	FirstAttemptMs *quantiles    `json:"firstAttemptMs"` // null: nothing was attempted there lately
	Backlog        *stageBacklog `json:"backlog"`        // null: not known
}

// recent is how much was done in each of the last steps, the newest last.
type recent struct {
	StepSeconds int        `json:"stepSeconds"`
	Until       *time.Time `json:"until"` // null: not known
	PerSecond   []float64  `json:"perSecond"`
}

type stageBacklog struct {
	Messages int        `json:"messages"`
	OldestAt *time.Time `json:"oldestAt"`
}

// listStages tells what each stage does, all its processes together.
func (c *call) listStages(r *http.Request) (reply, error) {
	fleet, err := c.Fleet(r.Context())
	if err != nil {
		return reply{}, err
	}
	shown := []stage{}
	for _, name := range []string{"ingest", "fanout", "deliver", "retry", "dlq"} {
		var work []event.StageWork
		for _, p := range fleet.Processes {
			for _, s := range p.Stages {
				if s.Stage == name {
					work = append(work, s)
				}
			}
		}
		shown = append(shown, showStage(name, work))
	}
	return ok(struct {
		Complete bool    `json:"complete"`
		Data     []stage `json:"data"`
	}{fleet.Complete, shown}), nil
}

func showStage(name string, work []event.StageWork) stage {
	shown := stage{Stage: name, Processes: len(work)}
	var seen time.Time
	for _, w := range work {
		if w.Fault == "" {
			shown.Ready++
		}
		if w.Before != nil && !w.Before.Seen.Before(seen) { // all see the same, one of them last
			seen = w.Before.Seen
			shown.Backlog = &stageBacklog{Messages: w.Before.Messages, OldestAt: none(w.Before.Oldest.UTC())}
		}
	}
	shown.Recent = together(work)
	lately := shown.Recent.PerSecond[len(shown.Recent.PerSecond)-aMinute:]
	for _, rate := range lately {
		shown.PerSecond += rate / float64(aMinute)
	}
	shown.FirstAttemptMs = delays(work)
	return shown
}

// together adds up what processes did step by step. They answer at one moment, and
// some have not come to the end of a step that others have behind them: it is told of
// when all have, so that it is not seen to be slow. Who has told of nothing for two
// steps is not waited for.
func together(work []event.StageWork) recent {
	var newest, until time.Time
	for _, w := range work {
		if w.Until.After(newest) {
			newest = w.Until
		}
	}
	until = newest
	for _, w := range work {
		if w.Until.Before(until) && newest.Sub(w.Until) <= 2*event.WorkStep {
			until = w.Until
		}
	}
	shown := recent{StepSeconds: int(event.WorkStep.Seconds()), Until: none(until), PerSecond: make([]float64, event.WorkSteps)}
	for _, w := range work {
		for i, done := range w.Done {
			age := len(w.Done) - 1 - i + int(until.Sub(w.Until)/event.WorkStep) // in steps before until
			if age >= 0 && age < event.WorkSteps {
				shown.PerSecond[event.WorkSteps-1-age] += done / event.WorkStep.Seconds()
			}
		}
	}
	return shown
}

// delays are the quantiles of how late first attempts were, in all processes
// together; nil without any.
func delays(work []event.StageWork) *quantiles {
	counts := make(map[float64]uint64)
	var sum uint64
	for _, w := range work {
		for _, d := range w.Delays {
			counts[cmp.Or(d.AtMost, math.Inf(1))] += d.Count
			sum += d.Count
		}
	}
	if sum == 0 {
		return nil
	}
	bounds := make([]float64, 0, len(counts))
	for bound := range counts {
		bounds = append(bounds, bound)
	}
	slices.Sort(bounds)
	at := func(share float64) int64 {
		left, from := share*float64(sum), 0.0
		for _, to := range bounds {
			here := float64(counts[to])
			switch {
			case left > here:
				left -= here
				from = to
			case math.IsInf(to, 1):
				return milliseconds(from)
			default:
				return milliseconds(from + left/here*(to-from))
			}
		}
		return milliseconds(from)
	}
	return &quantiles{P50: at(0.5), P95: at(0.95), P99: at(0.99)}
}

func milliseconds(seconds float64) int64 { return int64(math.Round(seconds * 1000)) }
