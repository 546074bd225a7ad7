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
	Headers  client.AttemptHeaders
	Request  content
	Response content
}

// Sent are the headers of the request, those with values that nobody sees at the end.
func (v attemptView) Sent() []headerRow {
	return headerRows(v.Headers.SentHeaders, v.Headers.Sensitive)
}

// Answered are the headers of the response.
func (v attemptView) Answered() []headerRow {
	rows := make([]headerRow, len(v.Headers.ResponseHeaders))
	for i, h := range v.Headers.ResponseHeaders {
		rows[i] = headerRow{Name: h[0], Value: h[1], Hidden: h[1] == client.HiddenValue}
	}
	return rows
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
	headers, err := v.API.AttemptHeaders(v.Context(), v.App, m.ID, a.ID)
	if err != nil {
		return err
	}
	whole := v.Query().Has("whole")
	return v.Render("attempt", attemptView{
		Attempt: a, State: attemptState(&a), Message: m, Headers: headers,
		Request: contentOf(string(m.Payload), whole), Response: contentOf(a.Response, whole),
	})
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
