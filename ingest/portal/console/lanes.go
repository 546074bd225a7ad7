package console

import (
	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
)

const (
	lanesPath = "/console/lanes"
	mostLanes = 50
)

func laneRoutes() []web.Route {
	return []web.Route{
		web.Get("/lanes", showLanes),
		web.Post("/lanes/reset", resetCircuit),
	}
}

// lanesView is who waits in a lane of its own, and which endpoints are left alone.
type lanesView struct {
	Known    bool // else NATS is away, and the lanes are not known
	Lanes    client.Lanes
	Rows     []laneRow
	Filter   web.Filter
	Circuits []circuitRow
	Pages    web.Pages
}

// laneRow is the own lane of an application or an endpoint.
type laneRow struct {
	client.Lane

	Application string
	Endpoint    string // its URL; empty: all of the application's
	State       web.State
}

// circuitRow is an endpoint whose circuit breaker is not closed.
type circuitRow struct {
	client.OpenCircuit

	Application string
	State       web.State
}

func showLanes(v *web.Visit) error {
	view := lanesView{Filter: v.Filter("app_id")}
	lanes, err := v.API.Lanes(v.Context(), mostLanes)
	if err != nil && !away(err) {
		return err
	}
	view.Known, view.Lanes = err == nil, lanes
	called := newNames(v.Context(), v.API)
	for _, l := range lanes.Data {
		row := laneRow{Lane: l, Application: called.Application(l.AppID), State: web.Off("Waits for its turn")}
		if l.EndpointID != nil {
			row.Endpoint = called.Endpoint(l.AppID, *l.EndpointID)
		}
		if l.State == "open" {
			row.State = web.Busy("Worked on")
		}
		view.Rows = append(view.Rows, row)
	}
	circuits, err := v.API.Circuits(v.Context(), view.Filter.Asked())
	if err != nil {
		return err
	}
	for _, c := range circuits.Data {
		row := circuitRow{OpenCircuit: c, Application: called.Application(c.AppID), State: web.Bad("Open")}
		if c.State == "half_open" {
			row.State = web.Busy("Being tried")
		}
		view.Circuits = append(view.Circuits, row)
	}
	view.Pages = web.PagesOf(circuits, lanesPath, view.Filter.Values)
	return v.Render("lanes", view)
}

func resetCircuit(v *web.Visit) error {
	form := v.Form()
	if err := v.API.ResetCircuit(v.Context(), form.Value("app"), form.Value("endpoint")); err != nil {
		return err
	}
	return v.Redirect(lanesPath, "Attempts are made again.")
}
