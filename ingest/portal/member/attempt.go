package member

import (
	"fmt"

	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
)

// attemptView is one attempt: what was sent, and what was answered.
type attemptView struct {
	client.Attempt

	State    web.State
	Message  client.Message
	Request  content
	Response content
}

func showAttempt(v *web.Visit) error {
	m, err := v.API.Message(v.Context(), v.App, v.Value("message"))
	if err != nil {
		return err
	}
	a, err := v.API.Attempt(v.Context(), v.App, m.ID, v.Value("attempt"))
	if err != nil {
		return err
	}
	whole := v.Query().Has("whole")
	return v.Render("attempt", attemptView{a, attemptState(&a), m, contentOf(string(m.Payload), whole), contentOf(a.Response, whole)})
}

// attemptState is how an attempt ended.
func attemptState(a *client.Attempt) web.State {
	word := "No answer"
	if a.StatusCode > 0 {
		word = fmt.Sprint(a.StatusCode)
	}
	if a.StatusText == "success" {
		return web.Good(word)
	}
	return web.Bad(word)
}
