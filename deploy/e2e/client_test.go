package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/api/openapi/openapitest"
)

// client speaks to the API as curl does.
type client struct {
	system

	http *http.Client

	// anyVersion says that whoever answers may be of a version with another
	// document.
	anyVersion bool
}

func (s system) client(t *testing.T) *client {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{system: s, http: &http.Client{Transport: transport, Timeout: 20 * time.Second}}
}

// do sends a request and returns the status and the decoded answer. Both have to
// be as the document of the API says.
func (c *client) do(ctx context.Context, method, path string, body any) (int, map[string]any, error) {
	var reader io.Reader = http.NoBody
	var sent []byte
	if body != nil {
		var err error
		if sent, err = json.Marshal(body); err != nil {
			return 0, nil, err
		}
		reader = bytes.NewReader(sent)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.url+"/api/v1"+path, reader)
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	response, err := c.http.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, nil, err
	}
	exchange := openapitest.Exchange{
		Method: method, URL: request.URL.RequestURI(), Sent: sent, Status: response.StatusCode, Header: response.Header, Body: text,
	}
	if err := openapitest.Check(exchange); err != nil && !c.anyVersion {
		return 0, nil, err
	}
	var answer map[string]any
	if len(text) > 0 {
		if err := json.Unmarshal(text, &answer); err != nil {
			return 0, nil, fmt.Errorf("%s %s: %q: %w", method, path, text, err)
		}
	}
	return response.StatusCode, answer, nil
}

// must is do where anything but the expected status fails the test.
func (c *client) must(t *testing.T, want int, method, path string, body any) map[string]any {
	t.Helper()
	status, answer, err := c.do(t.Context(), method, path, body)
	require.NoError(t, err)
	require.Equal(t, want, status, "%s %s: %v", method, path, answer)
	return answer
}

// application makes an application with one endpoint at each URL and returns
// their ids.
func (c *client) application(t *testing.T, uid string, urls ...string) []string {
	t.Helper()
	c.must(t, http.StatusCreated, http.MethodPost, "/app", map[string]any{"name": t.Name(), "uid": uid})
	var ids []string
	for _, url := range urls {
		e := c.must(t, http.StatusCreated, http.MethodPost, "/app/"+uid+"/endpoint", map[string]any{"url": url})
		ids = append(ids, e["id"].(string))
	}
	return ids
}

// post posts an event and returns its id.
func (c *client) post(t *testing.T, app string, payload any) string {
	t.Helper()
	m := c.must(t, http.StatusAccepted, http.MethodPost, "/app/"+app+"/msg", map[string]any{"eventType": "test.happened", "payload": payload})
	return m["id"].(string)
}

// attempts lists the attempts of an event at all endpoints, newest first.
func (c *client) attempts(t *testing.T, app, message string) []map[string]any {
	t.Helper()
	answer := c.must(t, http.StatusOK, http.MethodGet, "/app/"+app+"/attempt/msg/"+message, nil)
	var all []map[string]any
	for _, a := range answer["data"].([]any) {
		all = append(all, a.(map[string]any))
	}
	return all
}
