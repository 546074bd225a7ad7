package client

import (
	"context"
	"net/url"
	"time"
)

// Application is a tenant.
type Application struct {
	ID            string            `json:"id"`
	UID           *string           `json:"uid"`
	Name          string            `json:"name"`
	ThrottleRate  *int              `json:"throttleRate"` // requests a second; nil: any number
	Weight        int               `json:"weight"`
	Paused        bool              `json:"paused"`
	RetrySchedule []string          `json:"retrySchedule"` // nil: the installation's
	Metadata      map[string]string `json:"metadata"`
	CreatedAt     time.Time         `json:"createdAt"`
	UpdatedAt     time.Time         `json:"updatedAt"`
}

// Applications is a page of all applications. Query is limit, iterator and order.
func (c *Client) Applications(ctx context.Context, query url.Values) (List[Application], error) {
	var page List[Application]
	return page, c.Get(ctx, "/app", query, &page)
}

// Application is one of them, by id or uid.
func (c *Client) Application(ctx context.Context, app string) (Application, error) {
	var a Application
	return a, c.Get(ctx, Path("app", app), nil, &a)
}

// CreateApplication makes one. Fields are as the API has them, such as "name".
func (c *Client) CreateApplication(ctx context.Context, fields map[string]any) (Application, error) {
	var a Application
	return a, c.Post(ctx, "/app", nil, fields, &a)
}

// ChangeApplication changes the fields that are given, and leaves the others.
func (c *Client) ChangeApplication(ctx context.Context, app string, fields map[string]any) error {
	return c.Patch(ctx, Path("app", app), nil, fields, nil)
}

// PauseApplication has deliveries to all endpoints of an application wait.
func (c *Client) PauseApplication(ctx context.Context, app string) error {
	return c.Post(ctx, Path("app", app, "pause"), nil, nil, nil)
}

// ResumeApplication has them go on.
func (c *Client) ResumeApplication(ctx context.Context, app string) error {
	return c.Post(ctx, Path("app", app, "resume"), nil, nil, nil)
}

// PortalLink makes a link that opens the portal of an application, for some seconds,
// at least 3600.
func (c *Client) PortalLink(ctx context.Context, app string, expiry int) (string, error) {
	var answer struct {
		URL string `json:"url"`
	}
	return answer.URL, c.Post(ctx, Path("auth", "app-portal-access", app), nil, map[string]any{"expiry": expiry}, &answer)
}
