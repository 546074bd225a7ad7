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
	Hidden      bool // it may be a credential, so nobody sees the value again
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
	return show("headers", headersView{Endpoint: e, Form: form, Rows: headerRows(headers.Headers, headers.Sensitive)})
}

// headerRows are headers by name, then those whose values nobody sees.
func headerRows(shown map[string]string, hidden []string) []headerRow {
	rows := make([]headerRow, 0, len(shown)+len(hidden))
	for _, name := range slices.Sorted(maps.Keys(shown)) {
		rows = append(rows, headerRow{Name: name, Value: shown[name]})
	}
	for _, name := range hidden {
		rows = append(rows, headerRow{Name: name, Hidden: true})
	}
	return rows
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
