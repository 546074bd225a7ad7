package client

import "context"

// Resend delivers a message to an endpoint once more, whatever became of it.
func (c *Client) Resend(ctx context.Context, app, message, endpoint string) error {
	return c.Post(ctx, Path("app", app, "msg", message, "endpoint", endpoint, "resend"), nil, nil, nil)
}

// Recover delivers again what an endpoint failed to take. Fields are since and until.
func (c *Client) Recover(ctx context.Context, app, endpoint string, fields map[string]any) (Task, error) {
	var t Task
	return t, c.Post(ctx, Path("app", app, "endpoint", endpoint, "recover"), nil, fields, &t)
}

// ReplayMissing delivers what was never tried at an endpoint. Fields are since and until.
func (c *Client) ReplayMissing(ctx context.Context, app, endpoint string, fields map[string]any) (Task, error) {
	var t Task
	return t, c.Post(ctx, Path("app", app, "endpoint", endpoint, "replay-missing"), nil, fields, &t)
}
