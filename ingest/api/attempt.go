package api

import (
	"encoding/base64"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

func attemptRoutes() []route {
	return []route{
		{"GET", appPath + "/attempt/endpoint/{endpoint_id}", forMembers, (*call).listAttemptsOfEndpoint},
		{"GET", appPath + "/attempt/msg/{msg_id}", forMembers, (*call).listAttemptsOfMessage},
		{"GET", messagePath + "/attempt/{attempt_id}", forMembers, (*call).getAttempt},
		{"GET", messagePath + "/attempt/{attempt_id}/headers", forMembers, (*call).getAttemptHeaders},
	}
}

// attempt is an attempt as clients see it.
type attempt struct {
	ID                 string    `json:"id"`
	URL                string    `json:"url"`
	Response           string    `json:"response"`
	ResponseStatusCode int       `json:"responseStatusCode"`
	ResponseDurationMs int64     `json:"responseDurationMs"`
	Status             int       `json:"status"`
	StatusText         string    `json:"statusText"`
	TriggerType        int       `json:"triggerType"`
	MsgID              string    `json:"msgId"`
	EndpointID         string    `json:"endpointId"`
	Timestamp          time.Time `json:"timestamp"`
}

// What clients know the state of an attempt or a delivery by.
const (
	statusSuccess  = 0
	statusPending  = 1
	statusFail     = 2
	statusSending  = 3
	statusCanceled = 4
)

// What caused an attempt.
const (
	triggerScheduled = 0
	triggerManual    = 1
)

func showAttempt(a *store.Attempt, content bool) attempt {
	out := attempt{
		ID: event.Attempt.Format(a.ID), URL: a.URL, Response: "{}",
		ResponseStatusCode: a.StatusCode, ResponseDurationMs: a.Duration.Milliseconds(),
		Status: statusFail, StatusText: "fail", TriggerType: triggerScheduled,
		MsgID: event.Message.Format(a.Event), EndpointID: event.Endpoint.Format(a.Endpoint), Timestamp: a.ID.Time(),
	}
	if a.Outcome == store.OutcomeSuccess {
		out.Status, out.StatusText = statusSuccess, "success"
	}
	if !a.Run.IsZero() {
		out.TriggerType = triggerManual
	}
	if content {
		out.Response = showResponse(a.Response)
	}
	return out
}

func showResponse(response []byte) string {
	if utf8.Valid(response) {
		return string(response)
	}
	return base64.StdEncoding.EncodeToString(response)
}

// attempts reads which attempts are asked for. An attempt is a success or a
// failure, and only a delivery can be anything else: for that none is found.
func (p *params) attempts() store.AttemptFilter {
	filter := store.AttemptFilter{EventFilter: p.events()}
	if status, given := p.number("status"); given {
		switch status {
		case statusSuccess:
			filter.Success = true
		case statusFail:
			filter.Failure = true
		case statusPending, statusSending, statusCanceled:
			filter.Success, filter.Failure = true, true
		default:
			p.malformed("status")
		}
	}
	filter.Codes = p.codes()
	return filter
}

// codes reads a class of status codes.
func (p *params) codes() *store.CodeRange {
	class, given := p.number("status_code_class")
	if !given {
		return nil
	}
	if class%100 != 0 || class < 0 || class > 500 {
		p.malformed("status_code_class")
	}
	return &store.CodeRange{From: class, To: class + 100}
}

func (c *call) listAttemptsOfEndpoint(r *http.Request) (reply, error) {
	p := readParams(r)
	filter := p.attempts()
	page, content := p.history(event.Attempt, filter.After), p.flag("with_content", true)
	if err := p.err(); err != nil {
		return reply{}, err
	}
	e, err := c.endpoint(r)
	if err != nil {
		return reply{}, err
	}
	filter.Endpoint = e.ID
	return c.listAttempts(r, e.Tenant, filter, page, content)
}

func (c *call) listAttemptsOfMessage(r *http.Request) (reply, error) {
	p := readParams(r)
	filter := p.attempts()
	page, content := p.history(event.Attempt, filter.After), p.flag("with_content", true)
	endpoint := p.name("endpoint_id")
	if err := p.err(); err != nil {
		return reply{}, err
	}
	m, err := c.message(r, false)
	if err != nil {
		return reply{}, err
	}
	filter.Event = m.ID
	if endpoint != "" {
		if filter.Endpoint, err = c.endpointNamed(r, m.Tenant, endpoint); err != nil {
			return reply{}, err
		}
	}
	return c.listAttempts(r, m.Tenant, filter, page, content)
}

func (c *call) listAttempts(r *http.Request, tenant event.ID, filter store.AttemptFilter, page store.Page[event.ID], content bool) (reply, error) {
	attempts, rest, err := c.Store.Attempts(r.Context(), tenant, filter, page)
	if err != nil {
		return reply{}, err
	}
	show := func(a *store.Attempt) attempt { return showAttempt(a, content) }
	return historyOf(attempts, page, rest, event.Attempt, show, func(a *store.Attempt) event.ID { return a.ID }), nil
}

// attemptNamed is the attempt of the path, as far as that tells, and its message.
func (c *call) attemptNamed(r *http.Request) (*store.Posted, event.ID, error) {
	m, err := c.message(r, false)
	if err != nil {
		return nil, event.ID{}, err
	}
	id, err := event.Attempt.Parse(r.PathValue("attempt_id"))
	if err != nil {
		return nil, event.ID{}, notFound()
	}
	return m, id, nil
}

func (c *call) getAttempt(r *http.Request) (reply, error) {
	m, id, err := c.attemptNamed(r)
	if err != nil {
		return reply{}, err
	}
	a, err := c.Store.Attempt(r.Context(), m.Tenant, m.ID, id)
	if err != nil {
		return reply{}, err
	}
	return ok(showAttempt(a, true)), nil
}

// attemptHeaders are the headers of an attempt as clients see them.
type attemptHeaders struct {
	Sensitive       []string          `json:"sensitive"`
	SentHeaders     map[string]string `json:"sentHeaders"`
	ResponseHeaders []store.Header    `json:"responseHeaders"`
	Truncated       bool              `json:"truncated"`
}

// getAttemptHeaders answers with nothing sent where no headers were kept: something
// is sent always.
func (c *call) getAttemptHeaders(r *http.Request) (reply, error) {
	m, id, err := c.attemptNamed(r)
	if err != nil {
		return reply{}, err
	}
	h, err := c.Store.AttemptHeaders(r.Context(), m.Tenant, m.ID, id)
	if err != nil {
		return reply{}, err
	}
	out := attemptHeaders{Sensitive: []string{}, SentHeaders: map[string]string{}}
	if h != nil {
		out.Sensitive, out.SentHeaders = append(out.Sensitive, h.Hidden...), h.Sent
		out.ResponseHeaders, out.Truncated = h.Answered, h.Cut
	}
	return ok(out), nil
}
