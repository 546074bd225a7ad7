package console

import (
	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
)

func applicationRoutes() []web.Route {
	return []web.Route{
		web.Get("/applications", listApplications),
	}
}

// applicationsView is the list of the applications.
type applicationsView struct {
	Rows  []client.Application
	Pages web.Pages
}

func listApplications(v *web.Visit) error {
	query := v.Query()
	list, err := v.API.Applications(v.Context(), query)
	if err != nil {
		return err
	}
	return v.Render("applications", applicationsView{
		Rows: list.Data, Pages: web.PagesOf(list, "/console/applications", query),
	})
}
