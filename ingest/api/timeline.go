package api

import (
	"net/http"
	"slices"
	"time"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

func timelineRoutes() []route {
	return []route{
		{"GET", messagePath + "/timeline", forMembers, (*call).getTimeline},
	}
}

// The steps of a message.
const (
	stepAccepted  = "accepted"  // stored, and answered with 202
	stepPublished = "published" // on its way to be expanded
	stepQueued    = "queued"    // put into a lane
	stepAttempt   = "attempt"   // called
	stepNotSent   = "not_sent"  // not called, and why
	stepScheduled = "scheduled" // waits until then
	stepDead      = "dead"      // given up
	stepPending   = "pending"   // nothing yet
)

// step is one thing that happened to a message, or that is still to come.
type step struct {
	Step       string     `json:"step"`
	At         *time.Time `json:"at"` // null: not yet
	EndpointID *string    `json:"endpointId"`
	Lane       string     `json:"lane,omitempty"`
	TaskID     string     `json:"taskId,omitempty"` // that delivered it once more
	AttemptID  string     `json:"attemptId,omitempty"`
	Attempt    int        `json:"attempt,omitempty"`
	Outcome    string     `json:"outcome,omitempty"`
	StatusCode int        `json:"responseStatusCode,omitempty"`
	DurationMs *int64     `json:"responseDurationMs,omitempty"`
}

// getTimeline tells all that is known of the way of a message, in order of time.
func (c *call) getTimeline(r *http.Request) (reply, error) {
	m, err := c.message(r, false)
	if err != nil {
		return reply{}, err
	}
	t, err := c.Store.Timeline(r.Context(), m.Tenant, m.ID, maxLimit)
	if err != nil {
		return reply{}, err
	}
	return ok(struct {
		Data []step `json:"data"`
		Done bool   `json:"done"`
	}{showTimeline(m, t), !t.More}), nil
}

func showTimeline(m *store.Posted, t *store.Timeline) []step {
	steps := []step{{Step: stepAccepted, At: at(m.ID.Time())}}
	if !t.Published.IsZero() {
		steps = append(steps, step{Step: stepPublished, At: at(t.Published)})
	}
	if !m.DeliverAt.IsZero() {
		steps = append(steps, step{Step: stepScheduled, At: at(m.DeliverAt)})
	}
	for i := range t.Attempts {
		steps = append(steps, showSteps(&t.Attempts[i])...)
	}
	for i := range t.Dead {
		d := &t.Dead[i]
		steps = append(steps, step{
			Step: stepDead, At: at(d.DiedAt), EndpointID: new(event.Endpoint.Format(d.Endpoint)), Attempt: d.Attempts, Outcome: d.Reason,
		})
	}
	for _, id := range t.Pending {
		steps = append(steps, step{
			Step: stepPending, EndpointID: new(event.Endpoint.Format(id)), Lane: string(event.LaneOf(event.First, m.Tenant)),
		})
	}
	slices.SortStableFunc(steps, func(a, b step) int {
		switch {
		case a.At != nil && b.At != nil:
			return a.At.Compare(*b.At)
		case a.At == nil && b.At == nil:
			return 0
		case a.At == nil: // what has not happened comes last
			return 1
		default:
			return -1
		}
	})
	return steps
}

func at(t time.Time) *time.Time { return new(t.UTC()) }

// showSteps is what an attempt tells: how it came, what it was, what follows.
func showSteps(a *store.Attempt) []step {
	base := step{EndpointID: new(event.Endpoint.Format(a.Endpoint)), Attempt: a.Number}
	if !a.Run.IsZero() {
		base.TaskID = event.Task.Format(a.Run)
	}
	var steps []step
	if !a.QueuedAt.IsZero() {
		queued := base
		queued.Step, queued.At, queued.Lane = stepQueued, at(a.QueuedAt), a.Lane
		steps = append(steps, queued)
	}
	tried := base
	tried.Step, tried.At, tried.Outcome = stepAttempt, at(a.ID.Time()), a.Outcome
	tried.AttemptID = event.Attempt.Format(a.ID)
	if a.Sent() {
		tried.StatusCode, tried.DurationMs = a.StatusCode, new(a.Duration.Milliseconds())
	} else {
		tried.Step = stepNotSent
	}
	steps = append(steps, tried)
	if !a.NextAt.IsZero() {
		next := base
		next.Step, next.At, next.Attempt = stepScheduled, at(a.NextAt), a.Number+1
		steps = append(steps, next)
	}
	return steps
}
