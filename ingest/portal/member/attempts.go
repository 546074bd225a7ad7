package member

import (
	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
)

// attemptsView is the list of the attempts at an endpoint.
type attemptsView struct {
	client.Endpoint

	Filter filter
	Rows   []attemptRow
	Pages  web.Pages
}

// attemptRow is one of them.
type attemptRow struct {
	client.Attempt

	State web.State
}

func listAttempts(v *web.Visit) error {
	e, err := v.API.Endpoint(v.Context(), v.App, v.Value("endpoint"))
	if err != nil {
		return err
	}
	view := attemptsView{Endpoint: e}
	if view.Filter, err = filterOf(v, "status", "status_code_class", "event_types", "after", "before"); err != nil {
		return err
	}
	query := view.Filter.Asked()
	query.Set("with_content", "false")
	list, err := v.API.AttemptsAt(v.Context(), v.App, e.ID, query)
	if view.Filter.Refused(err) {
		return v.Refuse("attempts", view)
	}
	if err != nil {
		return err
	}
	view.Pages = web.PagesOf(list, endpointPath(e.ID, "attempts"), view.Filter.Values)
	for _, a := range list.Data {
		view.Rows = append(view.Rows, attemptRow{a, attemptState(&a)})
	}
	return v.Render("attempts", view)
}

// Tabs are the other pages about the endpoint.
func (v attemptsView) Tabs() []tab { return endpointTabs(v.ID, "Attempts") }

// States are the ends of an attempt to choose from.
func (v attemptsView) States() []web.Choice {
	return v.Filter.Options("status", "", "any", "0", "succeeded", "2", "failed")
}
