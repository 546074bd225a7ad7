package console

import (
	"slices"
	"strings"

	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
)

const applicationsPath = "/console/applications"

func applicationRoutes() []web.Route {
	return slices.Concat(
		[]web.Route{
			web.Get("/applications", listApplications),
			web.Get("/applications/{app}", showApplication),
			web.Get("/applications/{app}/now", showApplicationNow),
			web.Post("/applications/{app}/pause", pauseApplication),
			web.Post("/applications/{app}/resume", resumeApplication),
			web.Post("/applications/{app}/portal", openPortal),
		},
		applicationFormRoutes(),
	)
}

// applicationPath is the page of an application.
func applicationPath(id string) string { return client.Path("console", "applications", id) }

// applicationsView is the list of the applications.
type applicationsView struct {
	Filter web.Filter
	Rows   []client.Application
	Pages  web.Pages
}

// listApplications lists all, or those that a search finds. What is the id or the uid
// of one leads to it.
func listApplications(v *web.Visit) error {
	view := applicationsView{Filter: v.Filter("search")}
	if search := view.Filter.Value("search"); search != "" {
		if app, err := v.API.Application(v.Context(), search); err == nil {
			return v.Redirect(applicationPath(app.ID), "")
		}
	}
	list, err := v.API.Applications(v.Context(), view.Filter.Asked())
	if view.Filter.Refused(err) {
		return v.Refuse("applications", view)
	}
	if err != nil {
		return err
	}
	view.Rows, view.Pages = list.Data, web.PagesOf(list, applicationsPath, view.Filter.Values)
	return v.Render("applications", view)
}

// applicationView is one application.
type applicationView struct{ client.Application }

// Retries is the retry schedule in words.
func (v applicationView) Retries() string {
	switch {
	case v.RetrySchedule == nil:
		return "as the installation has it"
	case len(v.RetrySchedule) == 0:
		return "none"
	default:
		return "after " + strings.Join(v.RetrySchedule, ", ")
	}
}

func showApplication(v *web.Visit) error {
	app, err := v.API.Application(v.Context(), v.Value("app"))
	if err != nil {
		return err
	}
	return v.Render("application", applicationView{app})
}

// applicationNow is what an application has of the pipeline now.
type applicationNow struct {
	client.Application

	Known bool // else NATS is away
	Slots int  // attempts in flight, of all applications
	Has   client.Talker
}

// mostTalkers is the most that the API ranks. Who is not among them has next to nothing.
const mostTalkers = 250

// showApplicationNow is a part of the page by itself, since it asks all deliver
// processes.
func showApplicationNow(v *web.Visit) error {
	app, err := v.API.Application(v.Context(), v.Value("app"))
	if err != nil {
		return err
	}
	view := applicationNow{Application: app}
	talkers, err := v.API.Talkers(v.Context(), mostTalkers)
	if err != nil && !away(err) {
		return err
	}
	view.Known, view.Slots = err == nil, talkers.Slots
	for _, t := range slices.Concat(talkers.Applications.BySlots, talkers.Applications.ByBacklog, talkers.Applications.ByAge) {
		if t.AppID == app.ID {
			view.Has = t
		}
	}
	return v.Render("applicationnow", view)
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

// portalLife is for how long an operator looks at a portal, in seconds: as short as the
// API allows.
const portalLife = 3600

// portalView is a link to the portal of an application.
type portalView struct {
	client.Application

	Link string
}

// openPortal shows the link and does not lead there: it may be the address of a portal
// elsewhere, and is what an operator gives to whoever asks for access.
func openPortal(v *web.Visit) error {
	app, err := v.API.Application(v.Context(), v.Value("app"))
	if err != nil {
		return err
	}
	link, err := v.API.PortalLink(v.Context(), app.ID, portalLife)
	if err != nil {
		return err
	}
	return v.Render("portal", portalView{app, link})
}
