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

// AttemptHeaders are the headers of an attempt, as far as they were kept.
type AttemptHeaders struct {
	Sensitive       []string          `json:"sensitive"` // names of what was sent, too, with a value that is not shown
	SentHeaders     map[string]string `json:"sentHeaders"`
	ResponseHeaders [][2]string       `json:"responseHeaders"` // nil: there was no answer
	Truncated       bool              `json:"truncated"`       // there were more response headers
}

// HiddenValue stands for the value of a response header that is not shown.
const HiddenValue = "xxxxx"

// Kept reports whether there are any: nothing is sent without.
func (h AttemptHeaders) Kept() bool { return len(h.SentHeaders) > 0 }

// AttemptHeaders are those of one attempt of a message.
func (c *Client) AttemptHeaders(ctx context.Context, app, message, attempt string) (AttemptHeaders, error) {
	var h AttemptHeaders
	return h, c.Get(ctx, Path("app", app, "msg", message, "attempt", attempt, "headers"), nil, &h)
}

// AttemptsAt is a page of the attempts at an endpoint. Query is limit, iterator, status,
// status_code_class, event_types, channel, tag, after, before and with_content.
func (c *Client) AttemptsAt(ctx context.Context, app, endpoint string, query url.Values) (List[Attempt], error) {
	var page List[Attempt]
	return page, c.Get(ctx, Path("app", app, "attempt", "endpoint", endpoint), query, &page)
}
