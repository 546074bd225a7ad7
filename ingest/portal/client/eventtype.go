package client

import (
	"context"
	"encoding/json"
	"net/url"
	"time"
)

// EventType is what messages can be, in the catalogue of the installation.
type EventType struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Archived    bool            `json:"archived"`
	Deprecated  bool            `json:"deprecated"`
	Schemas     json.RawMessage `json:"schemas"` // by version
	GroupName   *string         `json:"groupName"`
	CreatedAt   time.Time       `json:"createdAt"`
	UpdatedAt   time.Time       `json:"updatedAt"`
}

// EventTypes is a page of those that the caller sees. Query is limit, iterator, order,
// include_archived and with_content.
func (c *Client) EventTypes(ctx context.Context, query url.Values) (List[EventType], error) {
	var page List[EventType]
	return page, c.Get(ctx, "/event-type", query, &page)
}

// EventType is one of them.
func (c *Client) EventType(ctx context.Context, name string) (EventType, error) {
	var t EventType
	return t, c.Get(ctx, Path("event-type", name), nil, &t)
}
