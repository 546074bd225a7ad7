package client

import (
	"context"
	"encoding/json"
)

// Examples are payloads of an event type, as SendExample sends them: by their index.
func (c *Client) Examples(ctx context.Context, eventType string) ([]json.RawMessage, error) {
	var list struct {
		Data []json.RawMessage `json:"data"`
	}
	err := c.Get(ctx, Path("event-type", eventType, "example"), nil, &list)
	return list.Data, err
}

// SendExample posts one to an endpoint. Fields are eventType and exampleIndex.
func (c *Client) SendExample(ctx context.Context, app, endpoint string, fields map[string]any) (Message, error) {
	var m Message
	return m, c.Post(ctx, Path("app", app, "endpoint", endpoint, "send-example"), nil, fields, &m)
}
