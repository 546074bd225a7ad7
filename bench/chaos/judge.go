package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/bench/findings"
)

// What is promised of every run.
const (
	mostRepeats   = 0.5 // percent of all deliveries
	healthyLimit  = 15.0
	lateAfter     = 30 * time.Second // for the first attempt
	shownFindings = 10               // of each kind
)

// judge writes the report.
func (t *trial) judge(ctx context.Context, v verdict) {
	r := t.Report
	r.Note("seed", "%d", t.seed)
	t.judgeTraffic(v)
	late := v.late(lateAfter)
	for _, w := range late[max(0, len(late)-shownFindings):] {
		t.Tell("late: %s at %s, accepted at %s, first attempt %.1f s later; %s", w.message, w.path, clock(w.accepted), w.took.Seconds(), t.timeline(ctx, w.missing))
	}
	r.Check("lost deliveries", float64(len(v.lost)), findings.Exactly(0))
	for _, m := range v.lost[:min(len(v.lost), shownFindings)] {
		r.Fault(fmt.Errorf("lost: %s at %s, accepted at %s, %d attempts arrived; %s",
			m.message, m.path, clock(m.accepted), m.attempts, t.timeline(ctx, m)))
	}
	r.Check("deliveries with another body", float64(len(v.changed)), findings.Exactly(0))
	for _, c := range v.changed[:min(len(v.changed), shownFindings)] {
		r.Fault(fmt.Errorf("changed: %s at %s", c.message, c.path))
	}
	r.Check("posts that became two events", float64(v.twins), findings.Exactly(0))
	t.judgeRepeats(v)
	t.judgeHealth()
	t.judgeMemory(ctx)
	if t.ledger.overflow > 0 {
		r.Fault(fmt.Errorf("%d entries had no place in the ledger", t.ledger.overflow))
	}
}

func (t *trial) judgeTraffic(v verdict) {
	r := t.Report
	r.Check("events accepted", float64(v.accepted), findings.AtLeast(1))
	counts := byStatus(t.answers.between(time.Time{}, time.Now()))
	var kinds []string
	for _, status := range slices.Sorted(maps.Keys(counts)) {
		kinds = append(kinds, fmt.Sprintf("%s × %d", statusText(status), counts[status]))
	}
	r.Note("answers", "%s", strings.Join(kinds, ", "))
	r.Note("events given up by their producer, not sent in time", "%d, %d", t.givenUp.Load(), t.unsent.Load())
	r.Note("deliveries expected, delivered, dead", "%d, %d, %d", v.expected, v.delivered, v.dead)
	r.Note("events delivered whose 202 never arrived", "%d", v.strangers)
	r.Note("wait for the first attempt, p50 / p99 / max in s", "%.2f / %.1f / %.1f", v.waited(0.5).Seconds(), v.waited(0.99).Seconds(), v.waited(1).Seconds())
	r.Note(fmt.Sprintf("late: first attempts after more than %.0f s", lateAfter.Seconds()), "%d", len(v.late(lateAfter)))
}

func statusText(status int) string {
	if status == 0 {
		return "none"
	}
	return fmt.Sprint(status)
}

// judgeRepeats: each cause is a line, with how long before it the calls were made
// that came to nothing.
func (t *trial) judgeRepeats(v verdict) {
	all, spells := t.diary.all(), t.health.all()
	before := map[string][]time.Duration{}
	var unexplained []repeat
	for _, again := range v.repeats {
		if cause, ok := blame(again, all, spells); ok {
			before[cause.String()] = append(before[cause.String()], cause.began.Sub(again.first.answered))
		} else {
			unexplained = append(unexplained, again)
		}
	}
	limit := findings.Below(mostRepeats)
	if t.fault.once {
		limit = findings.Exactly(0)
	}
	t.Report.Check("delivered again, % of deliveries", percent(len(v.repeats), v.expected), limit)
	for _, cause := range slices.Sorted(maps.Keys(before)) {
		ages := slices.Sorted(slices.Values(before[cause]))
		t.Report.Note("– because of "+cause, "%d, called up to %.2f s before, half of them %.2f", len(ages), share(ages, 1).Seconds(), share(ages, 0.5).Seconds())
	}
	t.Report.Check("– unexplained", float64(len(unexplained)), findings.Exactly(0))
	for _, again := range unexplained[:min(len(unexplained), shownFindings)] {
		t.Report.Fault(fmt.Errorf("delivered again without a cause: %s at %s, first at %s, again at %s",
			again.message, again.path, clock(again.first.at), clock(again.again.at)))
	}
}

func percent(part, whole int) float64 { return 100 * float64(part) / float64(max(whole, 1)) }

// judgeHealth: each kind of trouble at each target is a line, with the worst time
// until all were ready again.
func (t *trial) judgeHealth() {
	all, spells := t.diary.all(), t.health.all()
	count, worst := map[string]int{}, map[string]time.Duration{}
	var most time.Duration
	for _, each := range all {
		took := recovery(each, all, spells)
		count[each.String()]++
		worst[each.String()] = max(worst[each.String()], took)
		most = max(most, took)
	}
	for _, what := range slices.Sorted(maps.Keys(count)) {
		t.Report.Note(fmt.Sprintf("ready again after %s × %d, at most, s", what, count[what]), "%.1f", worst[what].Seconds())
	}
	t.check("ready again after any trouble, at most, s", most.Seconds(), findings.Below(healthyLimit))
	restarts, unasked := t.supervisor.ends()
	var each []string
	for _, name := range slices.Sorted(maps.Keys(restarts)) {
		each = append(each, fmt.Sprintf("%s %d", name, restarts[name]))
	}
	t.Report.Note("starts by the supervisor", "%s", strings.Join(each, ", "))
	t.Report.Note("of them after an end that nobody asked for", "%d %s", len(unasked), strings.Join(slices.Compact(slices.Sorted(slices.Values(unasked))), ", "))
}

func (t *trial) judgeMemory(ctx context.Context) {
	const mib = 1 << 20
	peaks := t.memory.end()
	for _, name := range slices.Sorted(maps.Keys(peaks)) {
		most, err := t.memoryCap(ctx, name)
		if err != nil {
			t.Report.Fault(err)
			continue
		}
		t.Report.Check("memory of "+name+", peak, MiB", float64(peaks[name]/mib), findings.AtMost(float64(most/mib)))
	}
}

// check holds a figure against a limit that a busy machine may break, unless only
// loss is looked for.
func (t *trial) check(what string, value float64, limits ...findings.Limit) {
	if t.lossOnly {
		t.Report.Note(what, "%.1f", value)
		return
	}
	t.Report.Check(what, value, limits...)
}

func clock(at time.Time) string { return at.UTC().Format("15:04:05.000") }
