package member

import (
	"fmt"
	"html/template"
	"slices"

	"github.com/postrider/postrider/ingest/portal/chart"
	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
)

const endpointsPath = "/portal/endpoints"

func endpointRoutes() []web.Route {
	return slices.Concat(
		[]web.Route{
			web.Get("/endpoints", listEndpoints),
			web.Get("/endpoints/{endpoint}", showEndpoint),
		},
		endpointFormRoutes(),
		endpointActionRoutes(),
		endpointSecretRoutes(),
		endpointHeaderRoutes(),
	)
}

// endpointPath is the page of an endpoint, or one below it.
func endpointPath(id string, below ...string) string {
	return client.Path(append([]string{"portal", "endpoints", id}, below...)...)
}

// endpointsView is the list of the endpoints.
type endpointsView struct {
	Rows    []endpointRow
	Pages   web.Pages
	Whole   string // address of the same list with the health of each
	Health  bool   // whether it is there
	Unknown string // why it is not, though it was asked for
}

// endpointRow is one of them.
type endpointRow struct {
	client.Endpoint

	State  web.State
	Why    string
	Health *health // nil: not known
}

// listEndpoints shows them at once, and their health where it is asked for: counting a
// day of attempts may take longer, so the page asks for it when it is there.
func listEndpoints(v *web.Visit) error {
	query := v.Query()
	withHealth := query.Has("health")
	query.Del("health")
	list, err := v.API.Endpoints(v.Context(), v.App, query)
	if err != nil {
		return err
	}
	view := endpointsView{Pages: web.PagesOf(list, endpointsPath, query), Health: withHealth}
	query.Set("health", "")
	view.Whole = endpointsPath + "?" + query.Encode()
	activities := make([]*client.Activity, len(list.Data))
	if withHealth && len(list.Data) > 0 {
		if activities, err = activitiesOf(v, list.Data); err != nil {
			view.Unknown = "How they did in the last 24 hours cannot be known at the moment."
			activities = make([]*client.Activity, len(list.Data))
		}
	}
	for i, e := range list.Data {
		row := endpointRow{Endpoint: e, State: endpointState(&e, activities[i]), Why: endpointWhy(&e)}
		if row.Health, err = healthOf(activities[i]); err != nil {
			return err
		}
		view.Rows = append(view.Rows, row)
	}
	return v.Render("endpoints", view)
}

// mostActivities is of how many endpoints the API tells at once.
const mostActivities = 100

// activitiesOf asks how endpoints did in the last day, in their order.
func activitiesOf(v *web.Visit, endpoints []client.Endpoint) ([]*client.Activity, error) {
	var all []*client.Activity
	for part := range slices.Chunk(endpoints, mostActivities) {
		ids := make([]string, len(part))
		for i := range part {
			ids[i] = part[i].ID
		}
		found, err := v.API.Activities(v.Context(), v.App, ids, "")
		if err != nil {
			return nil, err
		}
		for i := range found {
			all = append(all, &found[i])
		}
	}
	return all, nil
}

// health is how an endpoint did in the last day.
type health struct {
	Share     string // of the attempts that succeeded, such as "99.2 %"; empty: there were none
	Attempts  int64
	Sparkline template.HTML
}

// healthOf makes a figure and a picture of it; nil of nothing.
func healthOf(a *client.Activity) (*health, error) {
	if a == nil {
		return nil, nil //nolint:nilnil // not known is no error
	}
	h := &health{Attempts: a.Total.Succeeded + a.Total.Failed}
	if h.Attempts > 0 {
		h.Share = share(a.Total.Succeeded, h.Attempts)
	}
	bars := make([]chart.Bar, len(a.Buckets))
	for i, part := range a.Buckets {
		bars[i] = chart.Bar{Label: part.At.UTC().Format("15:04 UTC"), Good: part.Succeeded, Bad: part.Failed}
	}
	var err error
	h.Sparkline, err = chart.Sparkline("Last 24 hours", bars)
	return h, err
}

// share is a part of all in percent, rounded down: all but one are not 100 %.
func share(part, all int64) string {
	if part == all || part == 0 {
		return fmt.Sprintf("%d %%", part*100/all)
	}
	return fmt.Sprintf("%d.%d %%", part*100/all, part*1000/all%10)
}
