package console

import (
	"context"
	"fmt"
	"html/template"
	"time"

	"github.com/postrider/postrider/ingest/portal/chart"
	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
)

const overviewPath = "/console/overview"

func overviewRoutes() []web.Route {
	return []web.Route{
		web.Get("/overview", showOverview),
		web.Get("/overview/live", followOverview),
	}
}

// overviewView is what goes on in the whole installation.
type overviewView struct {
	Moving    moving
	Complete  bool // all processes could be asked
	Stages    []stageRow
	Processes []processRow
}

// stageRow is a stage.
type stageRow struct {
	client.Stage

	State web.State
	Does  string
	Trend template.HTML
}

// processRow is a process, with the state of each of its stages.
type processRow struct {
	client.Process

	Stages []stageState
}

type stageState struct {
	State  web.State
	Reason string // why it cannot do its work; empty: it can
}

func showOverview(v *web.Visit) error {
	view, err := overview(v.Context(), v.API)
	if err != nil {
		return err
	}
	view.Moving = movingOf(v, overviewPath)
	return v.Render("overview", view)
}

func followOverview(v *web.Visit) error {
	return v.Live(liveInterval, func(ctx context.Context, live *web.Live) error {
		view, err := overview(ctx, v.API)
		if err != nil {
			return err
		}
		return live.Send("now", "overview", "now", view)
	})
}

func overview(ctx context.Context, api *client.Client) (overviewView, error) {
	stages, err := api.Stages(ctx)
	if err != nil {
		return overviewView{}, err
	}
	processes, err := api.Processes(ctx)
	if err != nil {
		return overviewView{}, err
	}
	view := overviewView{Complete: stages.Complete && processes.Complete, Moving: moving{At: time.Now()}}
	for _, s := range stages.Data {
		row := stageRow{Stage: s, State: stageHealth(&s, stages.Complete), Does: does(s.Name)}
		if row.Trend, err = chart.Trend("The last five minutes", "a second", s.Recent.PerSecond); err != nil {
			return view, err
		}
		view.Stages = append(view.Stages, row)
	}
	for _, p := range processes.Data {
		row := processRow{Process: p}
		for _, s := range p.Stages {
			state := stageState{State: web.Good(s.Name)}
			if !s.Ready {
				state = stageState{State: web.Bad(s.Name + " not ready")}
				if s.Reason != nil {
					state.Reason = *s.Reason
				}
			}
			row.Stages = append(row.Stages, state)
		}
		view.Processes = append(view.Processes, row)
	}
	return view, nil
}

// stageHealth is how a stage is in all of its processes. Without an answer of all, one
// that is not there may be elsewhere.
func stageHealth(s *client.Stage, complete bool) web.State {
	switch {
	case s.Processes == 0 && !complete:
		return web.Off("Not known")
	case s.Processes == 0:
		return web.Bad("Not running")
	case s.Ready == 0:
		return web.Bad("Not ready")
	case s.Ready < s.Processes:
		return web.Warn(fmt.Sprintf("%d of %d ready", s.Ready, s.Processes))
	case s.Processes == 1:
		return web.Good("Ready")
	default:
		return web.Good(fmt.Sprintf("%d ready", s.Processes))
	}
}

// does is what a stage is counted by.
func does(stage string) string {
	switch stage {
	case "ingest":
		return "messages accepted"
	case "fanout":
		return "messages matched to endpoints"
	case "deliver":
		return "attempts made"
	case "retry":
		return "retries handed back"
	case "dlq":
		return "dead letters recorded"
	default:
		return ""
	}
}

// Stage is one of the stages by its name; nothing of one that is not told of.
func (v overviewView) Stage(name string) stageRow {
	for _, s := range v.Stages {
		if s.Name == name {
			return s
		}
	}
	return stageRow{}
}

// Waiting is how much waits for all stages together, as far as that is known.
func (v overviewView) Waiting() (all int64) {
	for _, s := range v.Stages {
		if s.Backlog != nil {
			all += s.Backlog.Messages
		}
	}
	return all
}

// Oldest is since when the oldest of it waits; nil: nothing does, or it is not known.
func (v overviewView) Oldest() *time.Time {
	var oldest *time.Time
	for _, s := range v.Stages {
		if s.Backlog != nil && s.Backlog.OldestAt != nil && (oldest == nil || s.Backlog.OldestAt.Before(*oldest)) {
			oldest = s.Backlog.OldestAt
		}
	}
	return oldest
}
