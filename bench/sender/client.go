package sender

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	requestTimeout = 30 * time.Second
	maxAnswer      = 16 << 20 // bytes of an answer that are read
	shownAnswer    = 300      // and of one that is shown in an error
)

// Client calls a JSON API. It is safe for concurrent use.
type Client struct {
	http  *http.Client
	base  string
	token string // empty sends none
}

// newHTTPClient keeps as many connections as there are senders. It takes no
// proxy from the environment, which would be measured too.
func newHTTPClient(senders int) *http.Client {
	return &http.Client{
		Timeout: requestTimeout,
		Transport: &http.Transport{
			MaxIdleConnsPerHost: senders,
			IdleConnTimeout:     time.Minute,
			DisableCompression:  true,
		},
	}
}

// NewClient returns a client of the API at base, which authenticates with the
// token unless that is empty, and keeps up to so many connections open.
func NewClient(base, token string, connections int) Client {
	return newClient(newHTTPClient(connections), base, token)
}

func newClient(h *http.Client, base, token string) Client {
	return Client{http: h, base: strings.TrimSuffix(base, "/"), token: token}
}

// Close closes the connections that are not in use.
func (c Client) Close() { c.http.CloseIdleConnections() }

// Call sends in as JSON, unless it is nil, and reads the answer into out, unless
// that is nil. Any status but 2xx is an error.
func (c Client) Call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return err // it names method and URL
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read answer to %s %s: %w", method, path, err)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return fmt.Errorf("%s %s: %s: %s", method, path, res.Status, text[:min(len(text), shownAnswer)])
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("parse answer to %s %s: %w", method, path, err)
	}
	return nil
}
