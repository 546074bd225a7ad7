package member

import (
	"maps"
	"slices"
	"strings"

	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
)

func endpointHeaderRoutes() []web.Route {
	return []web.Route{
		web.Get("/endpoints/{endpoint}/headers", showHeaders),
		web.Post("/endpoints/{endpoint}/headers", setHeader),
		web.Post("/endpoints/{endpoint}/headers/delete", deleteHeader),
	}
}

// headersView is the headers that are sent along with every message to an endpoint.
type headersView struct {
	client.Endpoint

	Form web.Form
	Rows []headerRow
}

// headerRow is one of them.
type headerRow struct {
	Name, Value string
	Hidden      bool // its name looks like a credential's, so nobody sees the value again
}

func showHeaders(v *web.Visit) error { return headersForm(v, web.Form{}, v.Render) }

func headersForm(v *web.Visit, form web.Form, show func(string, any) error) error {
	e, err := v.API.Endpoint(v.Context(), v.App, v.Value("endpoint"))
	if err != nil {
		return err
	}
	headers, err := v.API.Headers(v.Context(), v.App, e.ID)
	if err != nil {
		return err
	}
	view := headersView{Endpoint: e, Form: form}
	for _, name := range slices.Sorted(maps.Keys(headers.Headers)) {
		view.Rows = append(view.Rows, headerRow{Name: name, Value: headers.Headers[name]})
	}
	for _, name := range headers.Sensitive {
		view.Rows = append(view.Rows, headerRow{Name: name, Hidden: true})
	}
	return show("headers", view)
}

func setHeader(v *web.Visit) error {
	form := v.Form()
	value := strings.TrimSpace(form.Value("value"))
	return changeHeader(v, form, &value, "The header was set. It is sent with every message from now on.")
}

func deleteHeader(v *web.Visit) error {
	return changeHeader(v, v.Form(), nil, "The header was deleted.")
}

// changeHeader sets the header that a form names, or deletes it where there is no value.
func changeHeader(v *web.Visit, form web.Form, value *string, done string) error {
	id := v.Value("endpoint")
	err := v.API.ChangeHeaders(v.Context(), v.App, id, map[string]*string{strings.TrimSpace(form.Value("headers")): value})
	if form.Refused(err, "headers") {
		return headersForm(v, form, v.Refuse)
	}
	if err != nil {
		return err
	}
	return v.Redirect(endpointPath(id, "headers"), done)
}
