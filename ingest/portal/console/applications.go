package console

import (
	"slices"

	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
)

const applicationsPath = "/console/applications"

func applicationRoutes() []web.Route {
	return slices.Concat(
		[]web.Route{
			web.Get("/applications", listApplications),
			web.Get("/applications/{app}", showApplication),
			web.Post("/applications/{app}/pause", pauseApplication),
			web.Post("/applications/{app}/resume", resumeApplication),
			web.Post("/applications/{app}/portal", openPortal),
		},
		applicationFormRoutes(),
	)
}

// applicationPath is the page of an application, or one below it.
func applicationPath(id string, below ...string) string {
	return client.Path(append([]string{"console", "applications", id}, below...)...)
}

// applicationsView is the list of the applications.
type applicationsView struct {
	Search web.Form
	Rows   []client.Application
	Pages  web.Pages
}

// listApplications lists all, or those that a search finds. What is the id or the uid
// of one leads to it.
func listApplications(v *web.Visit) error {
	query := v.Query()
	search := query.Get("search")
	if search != "" && !query.Has("iterator") {
		if app, err := v.API.Application(v.Context(), search); err == nil {
			return v.Redirect(applicationPath(app.ID), "")
		}
	}
	list, err := v.API.Applications(v.Context(), query)
	view := applicationsView{Search: web.Form{Values: query}}
	if view.Search.Refused(err, "") {
		return v.Refuse("applications", view)
	}
	if err != nil {
		return err
	}
	view.Rows, view.Pages = list.Data, web.PagesOf(list, applicationsPath, query)
	return v.Render("applications", view)
}

// applicationView is one application.
type applicationView struct {
	client.Application

	Waiting *client.Talker // what it has of the pipeline; nil: nothing, or not known
	Known   bool
}

func showApplication(v *web.Visit) error {
	app, err := v.API.Application(v.Context(), v.Value("app"))
	if err != nil {
		return err
	}
	return v.Render("application", applicationView{Application: app})
}

func pauseApplication(v *web.Visit) error {
	id := v.Value("app")
	if err := v.API.PauseApplication(v.Context(), id); err != nil {
		return err
	}
	return v.Redirect(applicationPath(id), "Paused. Its messages wait until you resume it.")
}

func resumeApplication(v *web.Visit) error {
	id := v.Value("app")
	if err := v.API.ResumeApplication(v.Context(), id); err != nil {
		return err
	}
	return v.Redirect(applicationPath(id), "Resumed. The messages that waited are on their way.")
}
