package member

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"time"

	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
)

const (
	tryEvery     = time.Second // between looks at what has become of it
	tryEndpoints = "100"       // that there are to choose from
	tryExamples  = 10          // of one event type that are shown
	tryRecent    = "5"         // attempts that are shown
)

func tryRoutes() []web.Route {
	return []web.Route{
		web.Get("/try", chooseTry),
		web.Get("/endpoints/{endpoint}/try", showTry),
		web.Post("/endpoints/{endpoint}/try", sendExample),
		web.Get("/endpoints/{endpoint}/try/live", watchTry),
	}
}

// tryView is the page from which examples are sent.
type tryView struct {
	client.Endpoint // without an id: there is none yet

	Endpoints []client.Endpoint
	Groups    []typeGroup
	Type      string // of the examples; empty: there are no types yet
	Examples  []string
	Form      web.Form
	Reason    string // why nothing arrives at once; empty: it does
	Arrived   arrived
	Live      string // address of what goes on
}

// Tabs are the other pages about the endpoint.
func (v tryView) Tabs() []tab { return endpointTabs(v.ID, "Try it") }

// chooseTry leads to the page of the endpoint that was chosen, or else of one that takes
// messages.
func chooseTry(v *web.Visit) error {
	query := v.Query()
	id := query.Get("endpoint")
	if id == "" {
		list, err := v.API.Endpoints(v.Context(), v.App, url.Values{"limit": {tryEndpoints}})
		if err != nil {
			return err
		}
		if len(list.Data) == 0 {
			return v.Render("try", tryView{})
		}
		id = list.Data[0].ID
		for _, e := range list.Data {
			if endpointReason(&e) == "" {
				id = e.ID
				break
			}
		}
	}
	return v.Redirect(tryPath(id, query.Get("eventType"), ""), "")
}

// tryPath is the page of an endpoint where examples of a type are sent, and a message is
// watched. All but the endpoint may be empty.
func tryPath(endpoint, eventType, message string) string {
	query := url.Values{}
	for name, value := range map[string]string{"eventType": eventType, "message": message} {
		if value != "" {
			query.Set(name, value)
		}
	}
	path := endpointPath(endpoint, "try")
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return path
}

func showTry(v *web.Visit) error {
	return tryPage(v, v.Query().Get("eventType"), v.Query().Get("message"), web.Form{}, v.Render)
}

func sendExample(v *web.Visit) error {
	e, err := v.API.Endpoint(v.Context(), v.App, v.Value("endpoint"))
	if err != nil {
		return err
	}
	form := v.Form()
	eventType := form.Value("eventType")
	sent, err := v.API.SendExample(v.Context(), v.App, e.ID, map[string]any{
		"eventType": eventType, "exampleIndex": form.Number("exampleIndex"),
	})
	if client.Is(err, http.StatusNotFound) { // the endpoint was there
		form.Faults = map[string]string{"eventType": "There is no such event type any more."}
		return tryPage(v, "", "", form, v.Refuse)
	}
	if form.Refused(err, "") {
		return tryPage(v, eventType, "", form, v.Refuse)
	}
	if err != nil {
		return err
	}
	return v.Redirect(tryPath(e.ID, eventType, sent.ID), "")
}

// tryPage shows the examples of a type, the first that the endpoint asks for unless one
// was chosen, and what has become of a message.
func tryPage(v *web.Visit, eventType, message string, form web.Form, show func(string, any) error) error {
	ctx := v.Context()
	e, err := v.API.Endpoint(ctx, v.App, v.Value("endpoint"))
	if err != nil {
		return err
	}
	view := tryView{Endpoint: e, Form: form, Reason: endpointReason(&e), Type: eventType}
	list, err := v.API.Endpoints(ctx, v.App, url.Values{"limit": {tryEndpoints}})
	if err != nil {
		return err
	}
	view.Endpoints = list.Data
	if view.Groups, err = typeGroups(v, nil); err != nil {
		return err
	}
	if view.Type == "" {
		view.Type = likelyType(&e, view.Groups)
	}
	if view.Type != "" {
		payloads, err := v.API.Examples(ctx, view.Type)
		if err != nil {
			return err
		}
		for _, payload := range payloads[:min(len(payloads), tryExamples)] {
			view.Examples = append(view.Examples, indented(payload))
		}
	}
	if view.Arrived, err = lookAt(ctx, v, e.ID, message); err != nil {
		return err
	}
	view.Live = endpointPath(e.ID, "try", "live")
	if message != "" {
		view.Live += "?" + url.Values{"message": {message}}.Encode()
	}
	return show("try", view)
}

// likelyType is a type that the endpoint asks for, or the first there is.
func likelyType(e *client.Endpoint, groups []typeGroup) string {
	var first string
	wanted := make(map[string]bool)
	for _, name := range e.EventTypes {
		wanted[name] = true
	}
	for _, group := range groups {
		for _, t := range group.Types {
			if wanted[t.Name] {
				return t.Name
			}
			if first == "" {
				first = t.Name
			}
		}
	}
	return first
}

// indented is JSON as people read it.
func indented(text json.RawMessage) string {
	var out bytes.Buffer
	if json.Indent(&out, text, "", "  ") != nil {
		return string(text)
	}
	return out.String()
}

// watchTry says what becomes of a message, and what else is sent to the endpoint.
func watchTry(v *web.Visit) error {
	e, err := v.API.Endpoint(v.Context(), v.App, v.Value("endpoint"))
	if err != nil {
		return err
	}
	message := v.Query().Get("message")
	var said any
	return v.Live(tryEvery, func(ctx context.Context, live *web.Live) error {
		now, err := lookAt(ctx, v, e.ID, message)
		if err != nil || reflect.DeepEqual(now, said) {
			return err
		}
		said = now
		return live.Send("arrived", "try", "arrived", now)
	})
}
