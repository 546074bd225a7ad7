package client

import (
	"context"
	"net/url"
	"time"
)

// DeadLetter is a delivery that was given up, or not made.
type DeadLetter struct {
	AppID      string    `json:"appId"` // empty in a list of one application, and of operational webhooks
	MsgID      string    `json:"msgId"`
	EndpointID string    `json:"endpointId"`
	EventType  string    `json:"eventType"`
	Reason     string    `json:"reason"` // how the last attempt ended, or why there was none
	Attempts   int       `json:"attempts"`
	DiedAt     time.Time `json:"diedAt"`
}

// DeadLetterCount is how many dead letters there are.
type DeadLetterCount struct {
	Total         int64            `json:"total"`
	ByReason      map[string]int64 `json:"byReason"`
	ByApplication []struct {       // most first; nil in a count of one application
		AppID string `json:"appId"`
		Total int64  `json:"total"`
	} `json:"byApplication"`
	More bool `json:"more"` // whether there are others, which were not counted
}

// deadLettersPath is where the dead letters of an application are, or with none those
// of all.
func deadLettersPath(app string, below ...string) string {
	if app == "" {
		return Path(append([]string{"admin", "dlq"}, below...)...)
	}
	return Path(append([]string{"app", app, "dlq"}, below...)...)
}

// DeadLetters is a page of the dead letters of an application, or of all applications
// where none is named. Query is endpoint_id, reason, event_types, after, before, limit,
// iterator and order; where none is named app_id too.
func (c *Client) DeadLetters(ctx context.Context, app string, query url.Values) (List[DeadLetter], error) {
	var page List[DeadLetter]
	return page, c.Get(ctx, deadLettersPath(app), query, &page)
}

// CountDeadLetters counts them. Query is the filters of DeadLetters.
func (c *Client) CountDeadLetters(ctx context.Context, app string, query url.Values) (DeadLetterCount, error) {
	var n DeadLetterCount
	return n, c.Get(ctx, deadLettersPath(app, "count"), query, &n)
}

// RedriveDeadLetters has them delivered again. Fields are endpointId, reason,
// eventTypes, since and until; where no application is named appId too, and all where
// nothing else chooses.
func (c *Client) RedriveDeadLetters(ctx context.Context, app string, fields map[string]any) (Task, error) {
	var t Task
	return t, c.Post(ctx, deadLettersPath(app, "redrive"), nil, fields, &t)
}
