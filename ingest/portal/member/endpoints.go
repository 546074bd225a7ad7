package member

import (
	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
)

func endpointRoutes() []web.Route {
	return []web.Route{
		web.Get("/endpoints", listEndpoints),
	}
}

// endpointsView is the list of the endpoints.
type endpointsView struct {
	Rows  []endpointRow
	Pages web.Pages
}

// endpointRow is one of them.
type endpointRow struct {
	client.Endpoint

	State web.State
}

func listEndpoints(v *web.Visit) error {
	query := v.Query()
	list, err := v.API.Endpoints(v.Context(), v.App, query)
	if err != nil {
		return err
	}
	view := endpointsView{Pages: web.PagesOf(list, "/portal/endpoints", query)}
	for _, e := range list.Data {
		view.Rows = append(view.Rows, endpointRow{e, endpointState(&e)})
	}
	return v.Render("endpoints", view)
}

// endpointState is what keeps an endpoint from getting messages, the strongest reason
// first.
func endpointState(e *client.Endpoint) web.State {
	switch {
	case e.Disabled && e.DisabledReason != nil:
		return web.Bad("Disabled: " + *e.DisabledReason)
	case e.Disabled:
		return web.Off("Disabled")
	case e.Paused:
		return web.Off("Paused")
	case e.Verify && e.Verification.State != "verified":
		return web.Warn("Not verified")
	case e.Circuit.State != "closed":
		return web.Bad("Failing: attempts are held back")
	default:
		return web.Good("Active")
	}
}
