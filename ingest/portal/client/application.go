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
