package member

import (
	"fmt"

	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
)

const lettersPath = "/portal/dead-letters"

func letterRoutes() []web.Route {
	return []web.Route{
		web.Get("/dead-letters", listLetters),
		web.Get("/dead-letters/redrive", confirmRedrive),
		web.Post("/dead-letters/redrive", redriveLetters),
	}
}

// lettersView is the list of the dead letters.
type lettersView struct {
	Filter  filter
	Count   client.DeadLetterCount
	Reasons []web.Choice
	Rows    []letterRow
	Pages   web.Pages
	Redrive string // address of the page that has them sent again
}

// letterRow is one of them.
type letterRow struct {
	client.DeadLetter

	Endpoint string // its URL
	Why      string // its reason in words
}

// letterFields are what can be asked for of dead letters.
func letterFields() []string {
	return []string{"endpoint_id", "reason", "event_types", "after", "before"}
}

func listLetters(v *web.Visit) error {
	var view lettersView
	var err error
	if view.Filter, err = filterOf(v, letterFields()...); err != nil {
		return err
	}
	query := view.Filter.Asked()
	list, err := v.API.DeadLetters(v.Context(), v.App, query)
	if view.Filter.Refused(err) {
		return v.Refuse("deadletters", view)
	}
	if err != nil {
		return err
	}
	if view.Count, err = v.API.CountDeadLetters(v.Context(), v.App, query); err != nil {
		return err
	}
	urls, err := endpointURLs(v.Context(), v)
	if err != nil {
		return err
	}
	for _, l := range list.Data {
		view.Rows = append(view.Rows, letterRow{l, urls.name(l.EndpointID), web.Outcome(l.Reason)})
	}
	view.Reasons = view.Filter.Reasons(view.Count.ByReason)
	view.Pages = web.PagesOf(list, lettersPath, view.Filter.Values)
	view.Redrive = lettersPath + "/redrive?" + view.Filter.Chosen().Encode()
	return v.Render("deadletters", view)
}

// confirmRedrive says how many messages will be sent again before they are.
func confirmRedrive(v *web.Visit) error {
	f := v.Filter(letterFields()...)
	count, err := v.API.CountDeadLetters(v.Context(), v.App, f.Asked())
	if err != nil {
		return err
	}
	number := fmt.Sprintf("%d dead letters are sent again", count.Total)
	if count.More {
		number = "More than " + number
	}
	chosen := f.Chosen().Encode()
	return v.Confirm(web.Confirm{
		Title: "Send dead letters again?",
		Says: []string{
			number + ", each with retries of its own. What fails again is a dead letter again.",
			"Those of endpoints that are disabled, and those whose payload was removed, stay where they are.",
		},
		Action: lettersPath + "/redrive?" + chosen, Button: "Send them again", Back: lettersPath + "?" + chosen,
	})
}

func redriveLetters(v *web.Visit) error {
	task, err := v.API.RedriveDeadLetters(v.Context(), v.App, v.Filter(letterFields()...).Redrive())
	if err != nil {
		return err
	}
	return v.Redirect(jobPath(task.ID), "")
}
