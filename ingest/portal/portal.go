// Package portal is the pages that people use in a browser: the portal of the people of
// an application, and the console of the operator. They are clients of the API and of
// nothing else: no page can do what a script with the same token cannot.
//
// # How to add a page
//
// A page of the portal is a file of package member, one of the console a file of package
// console, each with its template beside it: member/endpoints.go and
// member/templates/endpoints.html.
//
//  1. Ask the API by a method of [client.Client] for the resource. If there is none, add
//     it where the others of the resource are, with its model. What the API itself
//     lacks is added there first.
//
//  2. Write a struct that holds what the page shows, and an action that fills it, as below.
//
//  3. Write templates/things.html, which defines "title" and "main"; both are given the
//     struct. The parts of web/templates/parts.html are there to use ("input", "faults",
//     "moment", "state", "pages"), and the functions of web/function.go.
//
//  4. Add web.Get("/things", listThings) to the routes of the file, those to the Area,
//     and a Link to its Nav if people go there from everywhere.
//
//  5. Test it beside the others, with portaltest: a page is asked for over HTTP and is
//     answered by the real API on a real database.
//
// The action:
//
//	func listThings(v *web.Visit) error {
//		things, err := v.API.Things(v.Context(), v.App, v.Query())
//		if err != nil {
//			return err // shown as a page: not allowed, not there, not known at the moment
//		}
//		return v.Render("things", thingsView{things.Data, web.PagesOf(things, "/portal/things", v.Query())})
//	}
//
// What is written by others needs no care in a template: html/template escapes it by
// where it stands, and the policy of the site runs nothing that stands in a page. So
// there is no template.HTML, no script in a template, and no style attribute.
//
// # Forms
//
// A form is a page at GET and an action at POST, and its fields have the names of the
// API. The action reads v.Form(), calls the API, and redirects; where the API finds it
// wrong, it shows the page again with what was filled in and each fault at its field:
//
//	err := v.API.CreateThing(v.Context(), v.App, in)
//	if form.Refused(err, "uid") { // the field that says what exists already
//		return v.Refuse("thing", thingView{Form: form})
//	}
//	if err != nil {
//		return err
//	}
//	return v.Redirect("/portal/things", "The thing was made.")
//
// In the template, {{template "faults" .Form}} lists what is wrong, and
// {{template "input" ((input .Form "name" "Name").Needed.Hint "What it is called.")}} is
// a field. What deletes or stops something has a page before it that says what happens,
// made by [web.Visit.Confirm].
//
// A list that can be filtered is a form at GET: [web.Visit.Filter] reads its fields from
// the address, so that it can be reloaded and passed on, and its Refused shows what the
// API found wrong above the list.
//
// # Without script, and with it
//
// Links and forms do everything. htmx only saves a page load: hx-get with hx-select
// takes a part out of a page that exists anyway, so there is one way to make it. What is
// slow is a part that is loaded after the page (hx-get, hx-trigger="load") from a route
// that answers with [web.Visit.Part], and has a link for those without script.
//
// What goes on changing is live: the page shows it as it is, in an element with
// hx-ext="sse", sse-connect and sse-swap, and the route that sse-connect names answers
// by [web.Visit.Live] with the same template, again and again.
package portal

import (
	"fmt"
	"net/http"

	"github.com/postrider/postrider/ingest/portal/console"
	"github.com/postrider/postrider/ingest/portal/member"
	"github.com/postrider/postrider/ingest/portal/web"
)

// New returns the pages, with the API behind them for all addresses that are not
// theirs. It is safe for concurrent use and starts nothing.
func New(config web.Config) (http.Handler, error) {
	all := areas()
	if title := config.Brand.Title; title != "" {
		all[0].Title = title
	}
	pages, err := web.New(config, all...)
	if err != nil {
		return nil, fmt.Errorf("make pages: %w", err)
	}
	return pages, nil
}

// Pages are the addresses of all pages, as patterns of http.ServeMux without the method:
// "/portal/endpoints/{endpoint}".
func Pages() []string {
	var all []string
	for _, area := range areas() {
		all = append(all, area.Login)
		for _, route := range area.Routes {
			if route.Method == http.MethodGet {
				all = append(all, area.Path+route.Path)
			}
		}
	}
	return all
}

// areas are the portal and the console, in this order.
func areas() []*web.Area { return []*web.Area{member.Area(), console.Area()} }
