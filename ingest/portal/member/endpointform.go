package member

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
)

func endpointFormRoutes() []web.Route {
	return []web.Route{
		web.Get("/endpoints/new", newEndpoint),
		web.Post("/endpoints/new", createEndpoint),
		web.Get("/endpoints/{endpoint}/edit", editEndpoint),
		web.Post("/endpoints/{endpoint}/edit", changeEndpoint),
	}
}

// endpointFormView is the form of an endpoint, new or not.
type endpointFormView struct {
	Form   web.Form
	Groups []typeGroup
	ID     string // empty: a new one
}

// Back is where the form was asked for.
func (v endpointFormView) Back() string {
	if v.ID == "" {
		return endpointsPath
	}
	return endpointPath(v.ID)
}

// typeGroup is event types that belong together.
type typeGroup struct {
	Name  string
	Types []typeChoice
}

// typeChoice is an event type that can be asked for.
type typeChoice struct {
	Name, Description string
	Chosen            bool
}

func newEndpoint(v *web.Visit) error {
	return showEndpointForm(v, "", web.Form{Values: url.Values{}}, v.Render)
}

func createEndpoint(v *web.Visit) error {
	form := v.Form()
	made, err := v.API.CreateEndpoint(v.Context(), v.App, endpointFields(form))
	if form.Refused(err, "url") {
		return showEndpointForm(v, "", form, v.Refuse)
	}
	if err != nil {
		return err
	}
	return v.Redirect(endpointPath(made.ID), "The endpoint was added.")
}

func editEndpoint(v *web.Visit) error {
	e, err := v.API.Endpoint(v.Context(), v.App, v.Value("endpoint"))
	if err != nil {
		return err
	}
	return showEndpointForm(v, e.ID, filledIn(&e), v.Render)
}

func changeEndpoint(v *web.Visit) error {
	form, id := v.Form(), v.Value("endpoint")
	err := v.API.ChangeEndpoint(v.Context(), v.App, id, endpointFields(form))
	if form.Refused(err, "url") {
		return showEndpointForm(v, id, form, v.Refuse)
	}
	if err != nil {
		return err
	}
	return v.Redirect(endpointPath(id), "The endpoint was changed.")
}

func showEndpointForm(v *web.Visit, id string, form web.Form, show func(string, any) error) error {
	groups, err := typeGroups(v, form.Values["eventTypes"])
	if err != nil {
		return err
	}
	return show("endpointform", endpointFormView{Form: form, Groups: groups, ID: id})
}

// filledIn is the form of an endpoint as it is.
func filledIn(e *client.Endpoint) web.Form {
	values := url.Values{
		"url": {e.URL}, "description": {e.Description}, "eventTypes": e.EventTypes, "channels": {strings.Join(e.Channels, ", ")},
		"retrySchedule": {strings.Join(e.RetrySchedule, ", ")}, "orderedPolicy": {e.OrderedPolicy},
	}
	if e.RetrySchedule != nil && len(e.RetrySchedule) == 0 {
		values.Set("retrySchedule", noRetries)
	}
	if e.ThrottleRate != nil {
		values.Set("throttleRate", strconv.Itoa(*e.ThrottleRate))
	}
	if e.TimeoutMs != nil {
		values.Set("timeoutMs", strconv.FormatInt(*e.TimeoutMs, 10))
	}
	if e.Ordered {
		values.Set("ordered", "true")
	}
	return web.Form{Values: values}
}

// noRetries is written instead of a schedule without delays.
const noRetries = "none"

// endpointFields is what was filled in, as the API wants it. What cannot be a number is
// passed on as it is: the API says so at its field.
func endpointFields(form web.Form) map[string]any {
	fields := map[string]any{
		"url": form.Value("url"), "description": form.Value("description"), "eventTypes": nil, "channels": form.List("channels"),
		"throttleRate": form.Number("throttleRate"), "timeoutMs": form.Number("timeoutMs"),
		"ordered": form.Value("ordered") == "true", "retrySchedule": form.List("retrySchedule"),
	}
	if chosen := form.Values["eventTypes"]; len(chosen) > 0 {
		fields["eventTypes"] = chosen
	}
	if form.Value("retrySchedule") == noRetries {
		fields["retrySchedule"] = []string{}
	}
	if policy := form.Value("orderedPolicy"); policy != "" {
		fields["orderedPolicy"] = policy
	}
	return fields
}

const (
	typesPage = "250"
	typesMost = 2000 // that a form offers
)

// typeGroups are all event types that the visitor sees, by their groups, and those that
// are chosen though they are not in the catalogue any more.
func typeGroups(v *web.Visit, chosen []string) ([]typeGroup, error) {
	var groups []typeGroup
	at := make(map[string]int)
	add := func(group string, choice typeChoice) {
		i, there := at[group]
		if !there {
			i = len(groups)
			at[group] = i
			groups = append(groups, typeGroup{Name: group})
		}
		groups[i].Types = append(groups[i].Types, choice)
	}
	seen := make(map[string]bool)
	query := url.Values{"limit": {typesPage}, "order": {"ascending"}}
	for {
		page, err := v.API.EventTypes(v.Context(), query)
		if err != nil {
			return nil, err
		}
		for _, t := range page.Data {
			var group string
			if t.GroupName != nil {
				group = *t.GroupName
			}
			seen[t.Name] = true
			add(group, typeChoice{t.Name, t.Description, slices.Contains(chosen, t.Name)})
		}
		if page.Done || page.Iterator == nil || len(seen) >= typesMost {
			break
		}
		query.Set("iterator", *page.Iterator)
	}
	for _, name := range chosen {
		if !seen[name] {
			add("Not in the catalogue", typeChoice{Name: name, Chosen: true})
		}
	}
	return groups, nil
}
