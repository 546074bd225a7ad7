package member

import (
	"context"
	"net/url"

	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
)

// arrived is what has become of a message at an endpoint, and what else was sent there.
type arrived struct {
	Message string // empty: none is watched
	State   web.State
	Steps   []client.Step
	Last    *client.Attempt // with the answer; nil: there is none yet
	Recent  []client.Attempt
}

// lookAt asks for it.
func lookAt(ctx context.Context, v *web.Visit, endpoint, message string) (arrived, error) {
	a := arrived{Message: message}
	list, err := v.API.AttemptsAt(ctx, v.App, endpoint, url.Values{"limit": {tryRecent}, "with_content": {"false"}})
	if err != nil {
		return a, err
	}
	a.Recent = list.Data
	if message == "" {
		return a, nil
	}
	line, err := v.API.Timeline(ctx, v.App, message)
	if err != nil {
		return a, err
	}
	var attempt string
	for _, step := range line.Data {
		if step.EndpointID != nil && *step.EndpointID != endpoint {
			continue
		}
		a.Steps = append(a.Steps, step)
		if step.AttemptID != "" && step.DurationMs != nil {
			attempt = step.AttemptID
		}
	}
	a.State = arrivedState(a.Steps)
	if attempt == "" {
		return a, nil
	}
	last, err := v.API.Attempt(ctx, v.App, message, attempt)
	a.Last = &last
	return a, err
}

// arrivedState is what the last of its steps comes to.
func arrivedState(steps []client.Step) web.State {
	state := web.Busy("On its way")
	for _, step := range steps {
		switch {
		case step.Step == "attempt" && step.Outcome == "success":
			state = web.Good("Arrived")
		case step.Step == "attempt":
			state = web.Warn("Failed")
		case step.Step == "not_sent":
			state = web.Off("Not sent")
		case step.Step == "scheduled" && state.Mood == "warn":
			state = web.Warn("Failed, and tried again")
		case step.Step == "dead":
			state = web.Bad("Failed for good")
		}
	}
	return state
}
