package client

import (
	"context"
	"net/url"
	"time"
)

// Attempt is one call of an endpoint with a message.
type Attempt struct {
	ID          string    `json:"id"`
	URL         string    `json:"url"`
	Response    string    `json:"response"`           // the body of the answer, or why there was none; base64 where it is no text
	StatusCode  int       `json:"responseStatusCode"` // 0: there was no answer
	DurationMs  int64     `json:"responseDurationMs"`
	StatusText  string    `json:"statusText"`  // success or fail
	TriggerType int       `json:"triggerType"` // 1: somebody asked for it
	MsgID       string    `json:"msgId"`
	EndpointID  string    `json:"endpointId"`
	Timestamp   time.Time `json:"timestamp"` // when it began
}

// Attempt is one of those of a message.
func (c *Client) Attempt(ctx context.Context, app, message, attempt string) (Attempt, error) {
	var a Attempt
	return a, c.Get(ctx, Path("app", app, "msg", message, "attempt", attempt), nil, &a)
}

// AttemptsAt is a page of the attempts at an endpoint. Query is limit, iterator, status,
// status_code_class, event_types, channel, tag, after, before and with_content.
func (c *Client) AttemptsAt(ctx context.Context, app, endpoint string, query url.Values) (List[Attempt], error) {
	var page List[Attempt]
	return page, c.Get(ctx, Path("app", app, "attempt", "endpoint", endpoint), query, &page)
}
