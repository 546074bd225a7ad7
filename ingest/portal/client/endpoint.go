package client

import (
	"context"
	"net/url"
	"time"
)

// Endpoint is where messages of an application go.
type Endpoint struct {
	ID           string   `json:"id"`
	UID          *string  `json:"uid"`
	URL          string   `json:"url"`
	Description  string   `json:"description"`
	EventTypes   []string `json:"eventTypes"` // nil: all
	Channels     []string `json:"channels"`   // nil: all
	ThrottleRate *int     `json:"throttleRate"`

	Disabled       bool       `json:"disabled"`
	DisabledReason *string    `json:"disabledReason"` // nil: its owner's wish
	DisabledAt     *time.Time `json:"disabledAt"`
	Paused         bool       `json:"paused"`
	Circuit        Circuit    `json:"circuit"`

	Ordered       bool     `json:"ordered"`
	OrderedPolicy string   `json:"orderedPolicy"`
	RetrySchedule []string `json:"retrySchedule"` // nil: the application's
	TimeoutMs     *int64   `json:"timeoutMs"`

	Verify       bool         `json:"verify"`
	Verification Verification `json:"verification"`

	Metadata  map[string]string `json:"metadata"`
	CreatedAt time.Time         `json:"createdAt"`
	UpdatedAt time.Time         `json:"updatedAt"`
}

// Endpoints is a page of the endpoints of an application. Query is limit, iterator and
// order.
func (c *Client) Endpoints(ctx context.Context, app string, query url.Values) (List[Endpoint], error) {
	var page List[Endpoint]
	return page, c.Get(ctx, Path("app", app, "endpoint"), query, &page)
}

// Endpoint is one of them, by id or uid.
func (c *Client) Endpoint(ctx context.Context, app, endpoint string) (Endpoint, error) {
	var e Endpoint
	return e, c.Get(ctx, Path("app", app, "endpoint", endpoint), nil, &e)
}
