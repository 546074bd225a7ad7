package api

import (
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

const (
	// countedAttempts is how many attempts are looked at for one answer: those of the
	// last minutes, but for the rest that was counted before. They take 100 ms.
	countedAttempts = 30_000

	// maxCharts is of how many endpoints one answer shows the activity.
	maxCharts = 100
)

func activityRoutes() []route {
	return []route{
		{"GET", appPath + "/activity", forMembers, (*call).listActivity},
		{"GET", endpointPath + "/activity", forMembers, (*call).getActivity},
	}
}

// activity is what was attempted at an endpoint over time, as clients see it.
type activity struct {
	EndpointID    string          `json:"endpointId"`
	Since         time.Time       `json:"since"`
	Until         time.Time       `json:"until"`
	BucketSeconds int             `json:"bucketSeconds"`
	Complete      bool            `json:"complete"`
	Total         figures         `json:"total"`
	Buckets       []bucketFigures `json:"buckets"`
}

type bucketFigures struct {
	At time.Time `json:"at"`
	figures
}

// figures are what attempts come to. What was not sent has an outcome and is no
// failure.
type figures struct {
	Succeeded  int64            `json:"succeeded"`
	Failed     int64            `json:"failed"`
	ByOutcome  map[string]int64 `json:"byOutcome"`
	DurationMs *quantiles       `json:"durationMs"` // null: nothing was sent

	classes map[int]int64 // attempts that were sent, by how long they took
}

// quantiles are the times that half of all, 95 of a hundred and 99 of a hundred do
// not exceed.
type quantiles struct {
	P50 int64 `json:"p50"`
	P95 int64 `json:"p95"`
	P99 int64 `json:"p99"`
}

func newFigures() figures {
	return figures{ByOutcome: make(map[string]int64), classes: make(map[int]int64)}
}

func (f *figures) add(a *store.Activity) {
	f.ByOutcome[a.Outcome] += a.Attempts
	sent := store.Attempt{Outcome: a.Outcome}
	switch {
	case !sent.Sent():
		return
	case a.Outcome == store.OutcomeSuccess:
		f.Succeeded += a.Attempts
	default:
		f.Failed += a.Attempts
	}
	f.classes[a.Class] += a.Attempts
}

// sum up what was added.
func (f *figures) sum() {
	if n := f.Succeeded + f.Failed; n > 0 {
		f.DurationMs = &quantiles{P50: f.quantile(0.5, n), P95: f.quantile(0.95, n), P99: f.quantile(0.99, n)}
	}
}

// quantile estimates the duration that the share of n attempts does not exceed, in
// milliseconds: within a class, as if they were evenly spread.
func (f *figures) quantile(share float64, n int64) int64 {
	left := share * float64(n)
	for class := 0; ; class++ {
		here := float64(f.classes[class])
		if left > here {
			left -= here
			continue
		}
		from, to := store.LatencyClass(class)
		return from.Milliseconds() + int64(math.Round(left/here*float64((to-from).Milliseconds())))
	}
}

// period reads over which time activity is wanted, which ends with the part that is
// under way.
func (p *params) period() store.Period {
	in := store.Period{Part: time.Hour, Parts: 24}
	switch p.values.Get("period") {
	case "", "day":
	case "hour":
		in.Part, in.Parts = time.Minute, 60
	case "week":
		in.Part, in.Parts = 6*time.Hour, 28
	case "month":
		in.Part, in.Parts = day, 30
	default:
		p.refuse("period", "must be hour, day, week or month")
	}
	now := time.Now().UTC().Truncate(in.Part)
	in.Since = now.Add(-time.Duration(in.Parts-1) * in.Part)
	return in
}

// charted reads of which endpoints the activity is wanted, by their ids.
func (p *params) charted() []event.ID {
	names := p.names("endpoint_ids")
	if len(names) == 0 || len(names) > maxCharts {
		p.refuse("endpoint_ids", "must be 1 to 100 ids")
		return nil
	}
	ids := make([]event.ID, len(names))
	for i, name := range names {
		var err error
		if ids[i], err = event.Endpoint.Parse(name); err != nil || slices.Contains(ids[:i], ids[i]) {
			p.refuse("endpoint_ids", "must be ids of endpoints, each once")
		}
	}
	return ids
}

func (c *call) getActivity(r *http.Request) (reply, error) {
	p := readParams(r)
	in := p.period()
	if err := p.err(); err != nil {
		return reply{}, err
	}
	e, err := c.endpoint(r)
	if err != nil {
		return reply{}, err
	}
	shown, err := c.activityOf(r, e.Tenant, []event.ID{e.ID}, in)
	if err != nil {
		return reply{}, err
	}
	return ok(shown[0]), nil
}

func (c *call) listActivity(r *http.Request) (reply, error) {
	p := readParams(r)
	in, ids := p.period(), p.charted()
	if err := p.err(); err != nil {
		return reply{}, err
	}
	t, err := c.tenant(r)
	if err != nil {
		return reply{}, err
	}
	shown, err := c.activityOf(r, t.ID, ids, in)
	if err != nil {
		return reply{}, err
	}
	return ok(struct {
		Data []*activity `json:"data"`
	}{shown}), nil
}

// activityOf counts for endpoints of a tenant, and shows them in order. One that is
// somebody else's, or nobody's, has had none.
func (c *call) activityOf(r *http.Request, tenant event.ID, endpoints []event.ID, in store.Period) ([]*activity, error) {
	found, more, err := c.Store.Activity(r.Context(), tenant, endpoints, in, countedAttempts)
	if err != nil {
		return nil, err
	}
	all, of := make([]*activity, len(endpoints)), make(map[event.ID]*activity)
	for i, id := range endpoints {
		all[i] = newActivity(id, in)
		all[i].Complete = !slices.Contains(more, id)
		of[id] = all[i]
	}
	for i := range found {
		a := of[found[i].Endpoint]
		a.Total.add(&found[i])
		a.Buckets[found[i].Part].add(&found[i])
	}
	for _, a := range all {
		a.Total.sum()
		for i := range a.Buckets {
			a.Buckets[i].sum()
		}
	}
	return all, nil
}

func newActivity(endpoint event.ID, in store.Period) *activity {
	a := activity{
		EndpointID: event.Endpoint.Format(endpoint), Since: in.Since, Until: in.Until(),
		BucketSeconds: int(in.Part.Seconds()), Total: newFigures(), Buckets: make([]bucketFigures, in.Parts),
	}
	for n := range a.Buckets {
		a.Buckets[n] = bucketFigures{At: in.Since.Add(time.Duration(n) * in.Part), figures: newFigures()}
	}
	return &a
}
