// Package client calls the API for the pages: in this process, as whoever looks at
// them and with nothing but their token. A page can do what a script with that token
// can do.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/postrider/postrider/shared/secret"
)

// maxAnswer is the most that is read of an answer, in bytes: the largest page of
// attempts with their bodies is well below.
const maxAnswer = 32 << 20

// Client is the API as one visitor has it. It is safe for concurrent use.
type Client struct {
	api     http.Handler
	token   secret.String
	visitor *http.Request
}

// New returns the API for whoever made a request to a page and has the token. The API
// counts wrong tokens and requests by where the visitor is, so it is told.
func New(api http.Handler, token secret.String, visitor *http.Request) *Client {
	return &Client{api: api, token: token, visitor: visitor}
}

// List is one page of a list. Iterator leads on to the next, unless Done.
type List[T any] struct {
	Data         []T     `json:"data"`
	Iterator     *string `json:"iterator"`
	PrevIterator *string `json:"prevIterator"`
	Done         bool    `json:"done"`
}

// Path joins names to the path of a resource, such as ("app", "app_1") to
// "/app/app_1". Whatever is in a name stays within its part of the path.
func Path(names ...string) string {
	var path strings.Builder
	for _, name := range names {
		path.WriteByte('/')
		path.WriteString(url.PathEscape(name))
	}
	return path.String()
}

// Get reads what is at a path into out.
func (c *Client) Get(ctx context.Context, path string, query url.Values, out any) error {
	return c.do(ctx, http.MethodGet, path, query, nil, out)
}

// Post sends in, and reads the answer into out. Either may be nil.
func (c *Client) Post(ctx context.Context, path string, query url.Values, in, out any) error {
	return c.do(ctx, http.MethodPost, path, query, in, out)
}

// Put is Post that replaces.
func (c *Client) Put(ctx context.Context, path string, query url.Values, in, out any) error {
	return c.do(ctx, http.MethodPut, path, query, in, out)
}

// Patch is Post that changes what in names.
func (c *Client) Patch(ctx context.Context, path string, query url.Values, in, out any) error {
	return c.do(ctx, http.MethodPatch, path, query, in, out)
}

// Delete removes what is at a path.
func (c *Client) Delete(ctx context.Context, path string, query url.Values) error {
	return c.do(ctx, http.MethodDelete, path, query, nil, nil)
}

// do makes one request. An answer that is an error is a *Problem.
func (c *Client) do(ctx context.Context, method, path string, query url.Values, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
	}
	// The address begins with a host: else one that begins with "//" would be read as such.
	target := "http://api/api/v1" + path + "?" + query.Encode()
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(target, "?"), bytes.NewReader(body))
	if err != nil {
		return &Problem{Status: http.StatusNotFound, Detail: "There is nothing at this address"}
	}
	c.introduce(request)
	if in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	a := answer{header: make(http.Header)}
	c.api.ServeHTTP(&a, request)
	switch {
	case a.status() >= http.StatusBadRequest:
		return problemOf(&a)
	case a.body.Len() >= maxAnswer:
		return fmt.Errorf("read %s: answer longer than %d bytes", path, maxAnswer)
	case out == nil || a.body.Len() == 0:
		return nil
	}
	if err := json.Unmarshal(a.body.Bytes(), out); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// introduce says who is asking and from where.
func (c *Client) introduce(request *http.Request) {
	request.Host = c.visitor.Host
	request.RemoteAddr = c.visitor.RemoteAddr
	request.TLS = c.visitor.TLS
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Proto", "Forwarded"} {
		if values := c.visitor.Header.Values(name); len(values) > 0 {
			request.Header[name] = values
		}
	}
	if !c.token.IsZero() {
		request.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	}
}

// answer is where the API writes.
type answer struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(code int) {
	if a.code == 0 {
		a.code = code
	}
}

// Write implements http.ResponseWriter. What is too much is left out, and found by
// its length.
func (a *answer) Write(text []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	a.body.Write(text[:min(len(text), maxAnswer-a.body.Len())])
	return len(text), nil
}

func (a *answer) status() int { return max(a.code, http.StatusOK) }
