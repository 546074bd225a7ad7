package client

import (
	"context"
	"net/url"
	"time"
)

// APIKey is a key of an operator's programs, without its text.
type APIKey struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Scopes     []string   `json:"scopes"`
	ExpiresAt  *time.Time `json:"expiresAt"`  // nil: never
	LastUsedAt *time.Time `json:"lastUsedAt"` // nil: it was not
	CreatedAt  time.Time  `json:"createdAt"`
}

// APIKeys is a page of the keys. Query is limit, iterator and order.
func (c *Client) APIKeys(ctx context.Context, query url.Values) (List[APIKey], error) {
	var page List[APIKey]
	return page, c.Get(ctx, "/api-key", query, &page)
}

// APIKey is one of them.
func (c *Client) APIKey(ctx context.Context, id string) (APIKey, error) {
	var k APIKey
	return k, c.Get(ctx, Path("api-key", id), nil, &k)
}

// CreateAPIKey makes a key, and returns its text, which is told this once. Fields are
// name, scopes and expiresAt.
func (c *Client) CreateAPIKey(ctx context.Context, fields map[string]any) (APIKey, string, error) {
	var made struct {
		APIKey

		Token string `json:"token"`
	}
	err := c.Post(ctx, "/api-key", nil, fields, &made)
	return made.APIKey, made.Token, err
}

// DeleteAPIKey ends a key.
func (c *Client) DeleteAPIKey(ctx context.Context, id string) error {
	return c.Delete(ctx, Path("api-key", id), nil)
}
