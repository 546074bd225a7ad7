package console

import (
	"context"
	"time"

	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
)

const (
	talkersPath = "/console/talkers"
	topTalkers  = 10 // in each ranking
)

func talkerRoutes() []web.Route {
	return []web.Route{
		web.Get("/talkers", showTalkers),
		web.Get("/talkers/live", followTalkers),
	}
}

// talkersView is who has most of the pipeline now.
type talkersView struct {
	Moving         moving
	Tabs           []tab
	Known          bool // else NATS is away
	Workers, Slots int
	Applications   []talkerRow
	Endpoints      []talkerRow
}

// tab leads to another way to look at the same.
type tab struct {
	Label, Path string
	Here        bool
}

// talkerRow is an application, or one of its endpoints.
type talkerRow struct {
	client.Talker

	Application string // its name
	Endpoint    string // its URL; empty: all of the application's
}

// ranked is by what there can be too much of, in the address of the page.
var ranked = []struct{ name, label string }{{"backlog", "Most waiting"}, {"slots", "Most in flight"}, {"age", "Waiting longest"}}

func showTalkers(v *web.Visit) error {
	by := v.Query().Get("by")
	view, err := talkers(v.Context(), v.API, by)
	if err != nil {
		return err
	}
	view.Moving = movingOf(v, talkersPath)
	for i, rank := range ranked {
		query := v.Query()
		query.Set("by", rank.name)
		view.Tabs = append(view.Tabs, tab{rank.label, address(talkersPath, query), by == rank.name || i == 0 && by == ""})
	}
	return v.Render("talkers", view)
}

func followTalkers(v *web.Visit) error {
	by := v.Query().Get("by")
	return v.Live(liveInterval, func(ctx context.Context, live *web.Live) error {
		view, err := talkers(ctx, v.API, by)
		if err != nil {
			return err
		}
		return live.Send("now", "talkers", "now", view)
	})
}

func talkers(ctx context.Context, api *client.Client, by string) (talkersView, error) {
	view := talkersView{Moving: moving{At: time.Now()}}
	found, err := api.Talkers(ctx, topTalkers)
	if away(err) {
		return view, nil
	}
	if err != nil {
		return view, err
	}
	view.Known, view.Workers, view.Slots = true, found.Workers, found.Slots
	called := newNames(ctx, api)
	view.Applications = talkerRows(called, found.Applications, by)
	view.Endpoints = talkerRows(called, found.Endpoints, by)
	return view, nil
}

func talkerRows(called *names, ranking client.Ranking, by string) []talkerRow {
	most := ranking.ByBacklog
	switch by {
	case "slots":
		most = ranking.BySlots
	case "age":
		most = ranking.ByAge
	}
	rows := make([]talkerRow, len(most))
	for i, t := range most {
		rows[i] = talkerRow{Talker: t, Application: called.Application(t.AppID)}
		if t.EndpointID != nil {
			rows[i].Endpoint = called.Endpoint(t.AppID, *t.EndpointID)
		}
	}
	return rows
}
