package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	"github.com/postrider/postrider/ingest/portal"
	"github.com/postrider/postrider/shared/event"
)

// pages are those of the portal and the console that need nothing that is not there,
// and those with what people choose on them.
func (f *filler) pages() (all []list) {
	values := strings.NewReplacer(
		"{endpoint}", event.Endpoint.Format(f.hooks[0][0]), "{message}", event.Message.Format(f.oldEvent), "{attempt}", event.Attempt.Format(f.oldAttempt),
		"{app}", event.Tenant.Format(f.apps[0]), "{type}", "type.1", "{stream}", "DELIVER",
	)
	add := func(pattern string) {
		if path := values.Replace(pattern); !strings.Contains(path, "{") {
			all = append(all, list{name: "page " + pattern, path: path, limit: pageLimit, page: true})
		}
	}
	for _, pattern := range portal.Pages() {
		if !strings.HasSuffix(pattern, "/live") { // an answer without an end
			add(pattern)
		}
	}
	for _, pattern := range []string{
		"/portal/messages?status=2", "/portal/messages?event_types=type.rare", "/portal/endpoints/{endpoint}/attempts?status=2",
		"/portal/activity?period=month", "/portal/endpoints/{endpoint}/activity?period=month", "/console/dead-letters?reason=http_status",
	} {
		add(pattern)
	}
	return all
}

// enter logs in to both, as the operator and as somebody of an application, whose
// pages have a catalogue to show.
func (c *client) enter(ctx context.Context, app event.ID) error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return fmt.Errorf("make cookie jar: %w", err)
	}
	c.browser = &http.Client{Jar: jar}
	if err := c.do(ctx, http.MethodPost, "/event-type", map[string]string{"name": "type.1", "description": "Of every tenth event."}, nil); err != nil {
		return err
	}
	var access struct{ URL string }
	if err := c.do(ctx, http.MethodPost, "/auth/app-portal-access/"+event.Tenant.Format(app), struct{}{}, &access); err != nil {
		return err
	}
	for login, key := range map[string]string{"/login": access.URL, "/console/login": c.token} {
		form := strings.NewReader(url.Values{"key": {key}}.Encode())
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+login, form)
		if err != nil {
			return fmt.Errorf("make request: %w", err)
		}
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if err := c.show(request); err != nil {
			return fmt.Errorf("log in: %w", err)
		}
	}
	return nil
}

// open asks for a page.
func (c *client) open(ctx context.Context, path string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+path, nil)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	return c.show(request)
}

func (c *client) show(request *http.Request) error {
	response, err := c.browser.Do(request)
	if err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return fmt.Errorf("read page: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", request.URL.Path, response.Status)
	}
	return nil
}
