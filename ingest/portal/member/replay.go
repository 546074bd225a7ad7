package member

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
)

func replayRoutes() []web.Route {
	return []web.Route{
		web.Get("/endpoints/{endpoint}/recover", recovery.show),
		web.Post("/endpoints/{endpoint}/recover", recovery.start),
		web.Get("/endpoints/{endpoint}/replay", replaying.show),
		web.Post("/endpoints/{endpoint}/replay", replaying.start),
	}
}

// again is a way to have messages of a range of time delivered to an endpoint again.
type again int

const (
	recovery  again = iota + 1 // what it failed to take
	replaying                  // what was never tried there
)

// againView is the form of one.
type againView struct {
	client.Endpoint

	Form    web.Form
	Recover bool
	Spans   []web.Choice
}

// firstSpan is how far back is meant, unless something else is chosen.
const firstSpan = "24h"

func (a again) show(v *web.Visit) error {
	return a.form(v, web.Form{Values: url.Values{"span": {firstSpan}}}, v.Render)
}

func (a again) form(v *web.Visit, form web.Form, show func(string, any) error) error {
	e, err := v.API.Endpoint(v.Context(), v.App, v.Value("endpoint"))
	if err != nil {
		return err
	}
	spans := form.Options("span", "1h", "the last hour", "24h", "the last day", "168h", "the last 7 days", "336h", "the last 14 days", "", "since a time, below")
	return show("again", againView{e, form, a == recovery, spans})
}

func (a again) start(v *web.Visit) error {
	form, id := v.Form(), v.Value("endpoint")
	fields := map[string]any{"since": form.Time("since"), "until": form.Time("until")}
	if span, err := time.ParseDuration(form.Value("span")); err == nil {
		fields["since"] = time.Now().Add(-span)
	}
	task, err := a.ask(v)(v.Context(), v.App, id, fields)
	if form.Refused(err, "") {
		return a.form(v, form, v.Refuse)
	}
	if client.Is(err, http.StatusBadRequest) { // the endpoint is disabled: it says so itself
		form.Faults = map[string]string{"": "The endpoint is disabled: enable it first."}
		return a.form(v, form, v.Refuse)
	}
	if err != nil {
		return err
	}
	return v.Redirect(jobPath(task.ID), "")
}

func (a again) ask(v *web.Visit) func(ctx context.Context, app, endpoint string, fields map[string]any) (client.Task, error) {
	if a == recovery {
		return v.API.Recover
	}
	return v.API.ReplayMissing
}
