package client

import "context"

// Health is what of the installation works.
type Health struct {
	Database, Queue Works
}

// Works says whether something does.
type Works struct {
	Status string `json:"status"` // ok or error
}

// OK reports whether it works.
func (w Works) OK() bool { return w.Status == "ok" }

// Health asks what works. It is an error where the database does not.
func (c *Client) Health(ctx context.Context) (Health, error) {
	var h Health
	return h, c.Get(ctx, "/health", nil, &h)
}
