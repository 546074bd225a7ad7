package client

import (
	"context"
	"encoding/json"
	"net/url"
	"time"
)

// Message is what was posted to an application.
type Message struct {
	ID        string          `json:"id"`
	EventType string          `json:"eventType"`
	EventID   *string         `json:"eventId"` // the producer's own name for it
	Channels  []string        `json:"channels"`
	Tags      []string        `json:"tags"`
	Payload   json.RawMessage `json:"payload"` // {"expired":true}: it was removed
	Timestamp time.Time       `json:"timestamp"`
	DeliverAt *time.Time      `json:"deliverAt"` // nil: at once

	Deliveries *Deliveries `json:"deliveries"` // nil: not asked for
}

// Deliveries is at how many endpoints what became of a message.
type Deliveries struct {
	Success int `json:"success"`
	Sending int `json:"sending"` // tried again
	Fail    int `json:"fail"`    // given up
}

// Messages is a page of the messages of an application. Query is limit, iterator,
// event_types, channel, tag, after, before, endpoint_id, status, status_code_class,
// with_content and with_deliveries.
func (c *Client) Messages(ctx context.Context, app string, query url.Values) (List[Message], error) {
	var page List[Message]
	return page, c.Get(ctx, Path("app", app, "msg"), query, &page)
}

// Message is one of them, by its id or its eventId.
func (c *Client) Message(ctx context.Context, app, message string) (Message, error) {
	var m Message
	return m, c.Get(ctx, Path("app", app, "msg", message), nil, &m)
}

// Step is one thing that happened to a message, or is to come.
type Step struct {
	Step       string     `json:"step"`
	At         *time.Time `json:"at"`         // nil: not known yet
	EndpointID *string    `json:"endpointId"` // nil: the message itself
	Lane       string     `json:"lane"`
	TaskID     string     `json:"taskId"` // that had it delivered once more; empty: none
	AttemptID  string     `json:"attemptId"`
	Attempt    int        `json:"attempt"` // its number
	Outcome    string     `json:"outcome"`
	StatusCode int        `json:"responseStatusCode"`
	DurationMs *int64     `json:"responseDurationMs"` // nil: nothing was called
}

// Timeline is the way of a message, in order of time.
type Timeline struct {
	Data []Step `json:"data"`
	Done bool   `json:"done"` // false: there was more than is told
}

// Timeline tells the way of a message.
func (c *Client) Timeline(ctx context.Context, app, message string) (Timeline, error) {
	var t Timeline
	return t, c.Get(ctx, Path("app", app, "msg", message, "timeline"), nil, &t)
}

// Progress is what became of a message at an endpoint.
type Progress struct {
	StatusText  string     `json:"statusText"`  // success, pending, sending (it is tried again) or fail
	NextAttempt *time.Time `json:"nextAttempt"` // nil: there is none
}

// Destination is an endpoint where a message was attempted. It may have been deleted
// since.
type Destination struct {
	Progress

	ID       string `json:"id"`
	URL      string `json:"url"`
	Disabled bool   `json:"disabled"`
}

// Destinations is a page of the endpoints where a message was attempted. Query is limit
// and iterator.
func (c *Client) Destinations(ctx context.Context, app, message string, query url.Values) (List[Destination], error) {
	var page List[Destination]
	return page, c.Get(ctx, Path("app", app, "msg", message, "endpoint"), query, &page)
}
