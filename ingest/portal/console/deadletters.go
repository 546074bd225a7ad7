package console

import (
	"strconv"

	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
)

const (
	lettersPath   = "/console/dead-letters"
	lettersShares = 10 // applications that are told of by the count
)

func letterRoutes() []web.Route {
	return []web.Route{
		web.Get("/dead-letters", listLetters),
		web.Get("/dead-letters/redrive", confirmRedrive),
		web.Post("/dead-letters/redrive", redriveLetters),
	}
}

// lettersView is the dead letters of all applications.
type lettersView struct {
	Filter  web.Filter
	Count   client.DeadLetterCount
	Shares  []lettersShare
	Reasons []web.Choice
	Rows    []letterRow
	Pages   web.Pages
	Redrive string // address of the page that has them sent again
}

// lettersShare is how many an application has.
type lettersShare struct {
	AppID, Application string
	Total              int64
	Only               string // address of the list of these
}

// letterRow is one of them.
type letterRow struct {
	client.DeadLetter

	Application, Endpoint string // what they are called
}

func letterFilter(v *web.Visit) web.Filter {
	return v.Filter("app_id", "endpoint_id", "reason", "event_types", "after", "before")
}

func listLetters(v *web.Visit) error {
	view := lettersView{Filter: letterFilter(v)}
	query := view.Filter.Asked()
	list, err := v.API.DeadLetters(v.Context(), "", query)
	if view.Filter.Refused(err) {
		view.Reasons = view.Filter.Reasons(nil)
		return v.Refuse("deadletters", view)
	}
	if client.Is(err, 404) && view.Filter.Given() {
		err = nil // there is no such application or endpoint, and nothing of it
	}
	if err != nil {
		return err
	}
	called := newNames(v.Context(), v.API)
	for _, l := range list.Data {
		view.Rows = append(view.Rows, letterRow{l, called.Application(l.AppID), called.Endpoint(l.AppID, l.EndpointID)})
	}
	if len(view.Rows) > 0 {
		if err := view.count(v, called); err != nil {
			return err
		}
	}
	view.Reasons = view.Filter.Reasons(view.Count.ByReason)
	view.Pages = web.PagesOf(list, lettersPath, view.Filter.Values)
	view.Redrive = address(lettersPath+"/redrive", view.Filter.Chosen())
	return v.Render("deadletters", view)
}

// count finds out how many there are, and whose.
func (view *lettersView) count(v *web.Visit, called *names) (err error) {
	query := view.Filter.Asked()
	query.Del("iterator")
	query.Set("limit", strconv.Itoa(lettersShares))
	if view.Count, err = v.API.CountDeadLetters(v.Context(), "", query); err != nil {
		return err
	}
	for _, share := range view.Count.ByApplication {
		only := view.Filter.Chosen()
		only.Set("app_id", share.AppID)
		view.Shares = append(view.Shares, lettersShare{share.AppID, called.Application(share.AppID), share.Total, address(lettersPath, only)})
	}
	return nil
}

// confirmRedrive says how many messages will be sent again, and whose, before they are.
func confirmRedrive(v *web.Visit) error {
	f := letterFilter(v)
	count, err := v.API.CountDeadLetters(v.Context(), "", f.Asked())
	if err != nil {
		return err
	}
	number := strconv.FormatInt(count.Total, 10) + " dead letters are sent again"
	switch {
	case count.More:
		number = "More than " + number
	case count.Total == 1:
		number = "One dead letter is sent again"
	}
	whose := "They are of all applications."
	if app := f.Value("app_id"); app != "" {
		whose = "They are of " + newNames(v.Context(), v.API).Application(app) + "."
	}
	return v.Confirm(web.Confirm{
		Title: "Send dead letters again?",
		Says: []string{
			number + ", each with retries of its own. What fails again is a dead letter again.", whose,
			"Those of endpoints that are disabled, and those whose payload was removed, stay where they are.",
		},
		Action: address(lettersPath+"/redrive", f.Chosen()), Button: "Send them again", Back: address(lettersPath, f.Chosen()),
	})
}

// redriveLetters has those of the list delivered again: that all there are are meant has
// to be said.
func redriveLetters(v *web.Visit) error {
	fields := letterFilter(v).Redrive()
	if len(fields) == 0 {
		fields["all"] = true
	}
	task, err := v.API.RedriveDeadLetters(v.Context(), "", fields)
	if err != nil {
		return err
	}
	return v.Redirect(jobPath(task.ID), "")
}
