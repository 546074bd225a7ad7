package member

import (
	"html/template"
	"net/url"

	"github.com/postrider/postrider/ingest/portal/chart"
	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
)

const (
	homePath      = "/portal/"
	homeEndpoints = "100" // that are looked at
	fewFail       = 20    // one attempt in so many may fail before somebody is to look
)

func homeRoutes() []web.Route { return []web.Route{web.Get("/", showHome)} }

// homeView is where people arrive: what to do first, and later how it goes.
type homeView struct {
	First string // an endpoint; empty: there is none yet
	Sent  bool   // whether there has been a message
	More  bool   // whether there are endpoints that were not looked at

	Whole   string // address of the page with how it goes
	Day     *day   // nil: not asked for, or not known
	Unknown bool   // asked for
}

// day is how endpoints did in the last one.
type day struct {
	Endpoints int
	Attempts  int64
	Share     string // of attempts that succeeded; empty: there were none
	Chart     template.HTML
	Troubled  []troubled
}

// troubled is an endpoint that somebody should look at.
type troubled struct {
	client.Endpoint

	State  web.State
	Reason string
}

// Begun reports whether the first steps have been taken.
func (v homeView) Begun() bool { return v.First != "" && v.Sent }

// showHome shows the first steps at once, and counts the day when the page is there, as
// listEndpoints.
func showHome(v *web.Visit) error {
	list, err := v.API.Endpoints(v.Context(), v.App, url.Values{"limit": {homeEndpoints}})
	if err != nil {
		return err
	}
	view := homeView{More: !list.Done, Whole: homePath + "?day"}
	if len(list.Data) > 0 {
		view.First = list.Data[0].ID
	}
	messages, err := v.API.Messages(v.Context(), v.App, url.Values{"limit": {"1"}, "with_content": {"false"}})
	if err != nil {
		return err
	}
	view.Sent = len(messages.Data) > 0
	if v.Query().Has("day") && view.First != "" {
		activities, err := activitiesOf(v, list.Data)
		if view.Unknown = err != nil; err == nil {
			if view.Day, err = dayOf(list.Data, activities); err != nil {
				return err
			}
		}
	}
	return v.Render("home", view)
}

// dayOf sums up what endpoints did.
func dayOf(endpoints []client.Endpoint, activities []*client.Activity) (*day, error) {
	d := &day{Endpoints: len(endpoints)}
	var sum client.Activity
	for i, e := range endpoints {
		state := endpointState(&e, activities[i])
		total := activities[i].Total
		reason := endpointReason(&e)
		if state.Mood == "bad" || state.Mood == "warn" && (reason != "" || total.Failed*fewFail > total.Succeeded+total.Failed) {
			d.Troubled = append(d.Troubled, troubled{e, state, reason})
		}
		sum.Total.Succeeded += total.Succeeded
		sum.Total.Failed += total.Failed
		sum.BucketSeconds = activities[i].BucketSeconds
		for at, part := range activities[i].Buckets {
			if at == len(sum.Buckets) {
				sum.Buckets = append(sum.Buckets, client.ActivityPart{At: part.At})
			}
			sum.Buckets[at].Succeeded += part.Succeeded
			sum.Buckets[at].Failed += part.Failed
		}
	}
	if d.Attempts = sum.Total.Succeeded + sum.Total.Failed; d.Attempts > 0 {
		d.Share = share(sum.Total.Succeeded, d.Attempts)
	}
	var err error
	d.Chart, err = chart.Bars("Attempts by the hour", barsOf(sum))
	return d, err
}
