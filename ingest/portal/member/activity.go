package member

import (
	"cmp"
	"html/template"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/postrider/postrider/ingest/portal/chart"
	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
)

func activityRoutes() []web.Route {
	return []web.Route{
		web.Get("/activity", listActivity),
		web.Get("/endpoints/{endpoint}/activity", showActivity),
	}
}

// activityEndpoints is how many are on a page of the list: counting takes its time.
const activityEndpoints = "25"

// periods are the times that activity is told of.
func periods(path string, query url.Values) []tab {
	chosen := cmp.Or(query.Get("period"), "day")
	tabs := []tab{{Label: "Hour", Path: "hour"}, {Label: "Day", Path: "day"}, {Label: "Week", Path: "week"}, {Label: "Month", Path: "month"}}
	for i := range tabs {
		tabs[i].Here = tabs[i].Path == chosen
		other := maps.Clone(query)
		other.Set("period", tabs[i].Path)
		tabs[i].Path = path + "?" + other.Encode()
	}
	return tabs
}

// activityView is the activity of an endpoint.
type activityView struct {
	client.Endpoint

	Periods  []tab
	Activity client.Activity
	Attempts int64
	Share    string // of attempts that succeeded; empty: there were none
	Outcomes []outcomeCount
	Sent     template.HTML // charts
	Took     template.HTML
}

// outcomeCount is how many attempts ended in the same way.
type outcomeCount struct {
	Name string
	N    int64
}

// Tabs are the other pages about the endpoint.
func (v activityView) Tabs() []tab { return endpointTabs(v.ID, "Activity") }

func showActivity(v *web.Visit) error {
	e, err := v.API.Endpoint(v.Context(), v.App, v.Value("endpoint"))
	if err != nil {
		return err
	}
	query := url.Values{}
	if period := v.Query().Get("period"); period != "" {
		query.Set("period", period)
	}
	a, err := v.API.EndpointActivity(v.Context(), v.App, e.ID, query)
	if err != nil {
		return err
	}
	view := activityView{Endpoint: e, Periods: periods(endpointPath(e.ID, "activity"), query), Activity: a}
	if view.Attempts = a.Total.Succeeded + a.Total.Failed; view.Attempts > 0 {
		view.Share = share(a.Total.Succeeded, view.Attempts)
	}
	for name, n := range a.Total.ByOutcome {
		view.Outcomes = append(view.Outcomes, outcomeCount{name, n})
	}
	slices.SortFunc(view.Outcomes, func(a, b outcomeCount) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Name, b.Name)) })
	if view.Sent, err = chart.Bars("Attempts", barsOf(a)); err != nil {
		return err
	}
	view.Took, err = latencyChart(a)
	if err != nil {
		return err
	}
	return v.Render("activity", view)
}

// barsOf is what succeeded and failed over time.
func barsOf(a client.Activity) []chart.Bar {
	bars := make([]chart.Bar, len(a.Buckets))
	for i, part := range a.Buckets {
		bars[i] = chart.Bar{Label: bucketLabel(part.At, a.BucketSeconds), Good: part.Succeeded, Bad: part.Failed}
	}
	return bars
}

// latencyChart is how long attempts took over time.
func latencyChart(a client.Activity) (template.HTML, error) {
	times := make([]string, len(a.Buckets))
	half, most, worst := chart.Line{Name: "Median"}, chart.Line{Name: "95 %"}, chart.Line{Name: "99 %"}
	for i, part := range a.Buckets {
		times[i] = bucketLabel(part.At, a.BucketSeconds)
		var q struct{ p50, p95, p99 *int64 }
		if part.DurationMs != nil {
			q.p50, q.p95, q.p99 = &part.DurationMs.P50, &part.DurationMs.P95, &part.DurationMs.P99
		}
		half.Values, most.Values, worst.Values = append(half.Values, q.p50), append(most.Values, q.p95), append(worst.Values, q.p99)
	}
	return chart.Lines("How long attempts took", "ms", times, half, most, worst)
}

// bucketLabel is a time as exact as it has to be.
func bucketLabel(at time.Time, seconds int) string {
	switch length := time.Duration(seconds) * time.Second; {
	case length >= 24*time.Hour:
		return at.UTC().Format("2 Jan")
	case length > time.Hour:
		return at.UTC().Format("2 Jan 15:04")
	default:
		return at.UTC().Format("15:04")
	}
}

// activityListView is the activity of all endpoints, each by itself.
type activityListView struct {
	Periods  []tab
	Rows     []activityRow
	Complete bool
	Pages    web.Pages
}

// activityRow is that of one of them.
type activityRow struct {
	client.Endpoint

	Total     client.Figures
	Attempts  int64
	Share     string // empty: there were none
	Sparkline template.HTML
}

func listActivity(v *web.Visit) error {
	query := v.Query()
	const path = "/portal/activity"
	view := activityListView{Periods: periods(path, query), Complete: true}
	endpoints := maps.Clone(query)
	endpoints.Del("period")
	endpoints.Set("limit", activityEndpoints)
	list, err := v.API.Endpoints(v.Context(), v.App, endpoints)
	if err != nil {
		return err
	}
	view.Pages = web.PagesOf(list, path, query)
	ids := make([]string, len(list.Data))
	for i := range list.Data {
		ids[i] = list.Data[i].ID
	}
	if len(ids) == 0 {
		return v.Render("activities", view)
	}
	all, err := v.API.Activities(v.Context(), v.App, ids, query.Get("period"))
	if err != nil {
		return err
	}
	for i, a := range all {
		row := activityRow{Endpoint: list.Data[i], Total: a.Total, Attempts: a.Total.Succeeded + a.Total.Failed}
		if row.Attempts > 0 {
			row.Share = share(a.Total.Succeeded, row.Attempts)
		}
		if row.Sparkline, err = chart.Sparkline("Attempts", barsOf(a)); err != nil {
			return err
		}
		view.Rows = append(view.Rows, row)
		view.Complete = view.Complete && a.Complete
	}
	return v.Render("activities", view)
}
