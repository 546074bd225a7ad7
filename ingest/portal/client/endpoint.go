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

// CreateEndpoint makes one. Fields are as the API has them, such as "url".
func (c *Client) CreateEndpoint(ctx context.Context, app string, fields map[string]any) (Endpoint, error) {
	var e Endpoint
	return e, c.Post(ctx, Path("app", app, "endpoint"), nil, fields, &e)
}

// ChangeEndpoint changes the fields that are given, and leaves the others.
func (c *Client) ChangeEndpoint(ctx context.Context, app, endpoint string, fields map[string]any) error {
	return c.Patch(ctx, Path("app", app, "endpoint", endpoint), nil, fields, nil)
}

// DeleteEndpoint deletes one for good.
func (c *Client) DeleteEndpoint(ctx context.Context, app, endpoint string) error {
	return c.Delete(ctx, Path("app", app, "endpoint", endpoint), nil)
}

// PauseEndpoint has deliveries to an endpoint wait.
func (c *Client) PauseEndpoint(ctx context.Context, app, endpoint string) error {
	return c.Post(ctx, Path("app", app, "endpoint", endpoint, "pause"), nil, nil, nil)
}

// ResumeEndpoint has them go on.
func (c *Client) ResumeEndpoint(ctx context.Context, app, endpoint string) error {
	return c.Post(ctx, Path("app", app, "endpoint", endpoint, "resume"), nil, nil, nil)
}

// VerifyEndpoint sends a challenge. What comes of it the endpoint shows later.
func (c *Client) VerifyEndpoint(ctx context.Context, app, endpoint string) error {
	return c.Post(ctx, Path("app", app, "endpoint", endpoint, "verify"), nil, nil, nil)
}

// ResetCircuit closes the circuit breaker of an endpoint.
func (c *Client) ResetCircuit(ctx context.Context, app, endpoint string) error {
	return c.Post(ctx, Path("app", app, "endpoint", endpoint, "circuit", "reset"), nil, nil, nil)
}

// Secret is the key that messages to an endpoint are signed with, or that they can be
// checked with where it is an asymmetric one.
func (c *Client) Secret(ctx context.Context, app, endpoint string) (string, error) {
	var answer struct {
		Key string `json:"key"`
	}
	return answer.Key, c.Get(ctx, Path("app", app, "endpoint", endpoint, "secret"), nil, &answer)
}

// RotateSecret makes another key. The one before signs too for some time. Fields are key
// and gracePeriodSeconds, both optional.
func (c *Client) RotateSecret(ctx context.Context, app, endpoint string, fields map[string]any) error {
	return c.Post(ctx, Path("app", app, "endpoint", endpoint, "secret", "rotate"), nil, fields, nil)
}

// Headers are sent along with every message.
type Headers struct {
	Headers   map[string]string `json:"headers"`
	Sensitive []string          `json:"sensitive"` // whose values are never shown
}

// Headers are those of an endpoint.
func (c *Client) Headers(ctx context.Context, app, endpoint string) (Headers, error) {
	var h Headers
	return h, c.Get(ctx, Path("app", app, "endpoint", endpoint, "headers"), nil, &h)
}

// ChangeHeaders sets some of them, and deletes those whose value is nil.
func (c *Client) ChangeHeaders(ctx context.Context, app, endpoint string, headers map[string]*string) error {
	return c.Patch(ctx, Path("app", app, "endpoint", endpoint, "headers"), nil, map[string]any{"headers": headers}, nil)
}

// Endpoint is one of them, by id or uid.
func (c *Client) Endpoint(ctx context.Context, app, endpoint string) (Endpoint, error) {
	var e Endpoint
	return e, c.Get(ctx, Path("app", app, "endpoint", endpoint), nil, &e)
}
