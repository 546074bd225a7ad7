// Package console is the pages of whoever runs the installation. Each file is a page,
// with its template in templates.
package console

import (
	"context"
	"embed"
	"net/url"
	"slices"
	"time"

	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
	"github.com/postrider/postrider/shared/secret"
)

//go:embed templates
var files embed.FS

// life is how long an operator stays logged in, with a token that may be good for ever.
const life = 12 * time.Hour

// Area returns the console.
func Area() *web.Area {
	return &web.Area{
		Name: "console", Title: "Postrider", Path: "/console", Login: "/console/login", Life: life,
		Enter: enter, Who: func(*web.Visit) string { return "Operator" }, Files: files,
		Nav: []web.Link{
			{Label: "Overview", Path: overviewPath},
			{Label: "Applications", Path: applicationsPath},
			{Label: "Top talkers", Path: talkersPath},
			{Label: "Lanes and breakers", Path: lanesPath},
			{Label: "Dead letters", Path: lettersPath},
			{Label: "Jobs", Path: jobsPath},
			{Label: "Streams", Path: streamsPath},
			{Label: "API keys", Path: keysPath},
		},
		Routes: slices.Concat(
			[]web.Route{web.Get("/", func(v *web.Visit) error { return v.Redirect(overviewPath, "") })},
			overviewRoutes(),
			applicationRoutes(),
			talkerRoutes(),
			laneRoutes(),
			letterRoutes(),
			jobRoutes(),
			streamRoutes(),
			keyRoutes(),
		),
	}
}

// enter takes a token of an operator: one that may see the applications.
func enter(ctx context.Context, key string, as func(secret.String) *client.Client) (web.Session, error) {
	if key == "" {
		return web.Session{}, &client.Problem{Status: 401}
	}
	token := secret.New(key)
	_, err := as(token).Applications(ctx, url.Values{"limit": {"1"}})
	return web.Session{Token: token}, err
}
