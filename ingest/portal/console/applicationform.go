package console

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
)

func applicationFormRoutes() []web.Route {
	return []web.Route{
		web.Get("/applications/new", newApplication),
		web.Post("/applications/new", createApplication),
		web.Get("/applications/{app}/edit", editApplication),
		web.Post("/applications/{app}/edit", changeApplication),
	}
}

// applicationFormView is the form of an application, new or not.
type applicationFormView struct {
	Form     web.Form
	ID, Name string // empty: a new one
}

// Back is where the form was asked for.
func (v applicationFormView) Back() string {
	if v.ID == "" {
		return applicationsPath
	}
	return applicationPath(v.ID)
}

func newApplication(v *web.Visit) error {
	return v.Render("applicationform", applicationFormView{Form: web.Form{Values: url.Values{"weight": {"1"}}}})
}

func createApplication(v *web.Visit) error {
	form := v.Form()
	made, err := v.API.CreateApplication(v.Context(), applicationFields(form))
	if form.Refused(err, "uid") {
		return v.Refuse("applicationform", applicationFormView{Form: form})
	}
	if err != nil {
		return err
	}
	return v.Redirect(applicationPath(made.ID), "The application was added.")
}

func editApplication(v *web.Visit) error {
	app, err := v.API.Application(v.Context(), v.Value("app"))
	if err != nil {
		return err
	}
	return v.Render("applicationform", applicationFormView{Form: filledIn(&app), ID: app.ID, Name: app.Name})
}

func changeApplication(v *web.Visit) error {
	form := v.Form()
	app, err := v.API.Application(v.Context(), v.Value("app"))
	if err != nil {
		return err
	}
	err = v.API.ChangeApplication(v.Context(), app.ID, applicationFields(form))
	if form.Refused(err, "uid") {
		return v.Refuse("applicationform", applicationFormView{Form: form, ID: app.ID, Name: app.Name})
	}
	if err != nil {
		return err
	}
	return v.Redirect(applicationPath(app.ID), "The application was changed. Every process obeys within a few seconds.")
}

// noRetries is written instead of a schedule without delays.
const noRetries = "none"

// filledIn is the form of an application as it is.
func filledIn(app *client.Application) web.Form {
	values := url.Values{"name": {app.Name}, "weight": {strconv.Itoa(app.Weight)}, "retrySchedule": {strings.Join(app.RetrySchedule, ", ")}}
	if app.UID != nil {
		values.Set("uid", *app.UID)
	}
	if app.ThrottleRate != nil {
		values.Set("throttleRate", strconv.Itoa(*app.ThrottleRate))
	}
	if app.RetrySchedule != nil && len(app.RetrySchedule) == 0 {
		values.Set("retrySchedule", noRetries)
	}
	return web.Form{Values: values}
}

// applicationFields is what was filled in, as the API wants it.
func applicationFields(form web.Form) map[string]any {
	fields := map[string]any{
		"name": form.Value("name"), "uid": nil, "throttleRate": form.Number("throttleRate"), "weight": form.Number("weight"),
		"retrySchedule": form.List("retrySchedule"),
	}
	if uid := strings.TrimSpace(form.Value("uid")); uid != "" {
		fields["uid"] = uid
	}
	if form.Value("retrySchedule") == noRetries {
		fields["retrySchedule"] = []string{}
	}
	return fields
}
