// Package rest is a client of HTTP APIs: that of a server under load, of a receiver,
// of a server that tells of itself.
package rest

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

// Client calls an API. It is safe for concurrent use.
type Client struct {
	http  *http.Client
	base  string
	token string // empty sends none
}

// HTTP returns an HTTP client that keeps so many connections. It takes no proxy from
// the environment, which would be measured too.
func HTTP(connections int) *http.Client {
	return &http.Client{
		Timeout: requestTimeout,
		Transport: &http.Transport{
			MaxIdleConnsPerHost: connections,
			IdleConnTimeout:     time.Minute,
			DisableCompression:  true,
		},
	}
}

// New returns a client of the API at base, which authenticates with the token unless
// that is empty, and keeps up to so many connections open.
func New(base, token string, connections int) Client { return Over(HTTP(connections), base, token) }

// Over returns a client of the API at base that uses the connections of another one.
func Over(h *http.Client, base, token string) Client {
	return Client{http: h, base: strings.TrimSuffix(base, "/"), token: token}
}

// Base is where the API is, without a slash at its end.
func (c Client) Base() string { return c.base }

// Authorization is the header that the client authenticates with, empty for none.
func (c Client) Authorization() string {
	if c.token == "" {
		return ""
	}
	return "Bearer " + c.token
}

// Close closes the connections that are not in use.
func (c Client) Close() { c.http.CloseIdleConnections() }

// Call sends in as JSON, unless it is nil, and reads the answer into out, unless
// that is nil. Any status but 2xx is an error.
func (c Client) Call(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	header := http.Header{}
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		header.Set("Content-Type", "application/json")
	}
	answer, err := c.Send(ctx, method, path, header, body)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("parse answer to %s %s: %w", method, path, err)
	}
	return nil
}

// Send makes a request with that body and those headers, to which it adds the token,
// and returns the answer's body. Any status but 2xx is an error.
func (c Client) Send(ctx context.Context, method, path string, header http.Header, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	req.Header = header
	if c.token != "" {
		req.Header.Set("Authorization", c.Authorization())
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err // it names method and URL
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read answer to %s %s: %w", method, path, err)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, res.Status, answer[:min(len(answer), shownAnswer)])
	}
	return answer, nil
}
