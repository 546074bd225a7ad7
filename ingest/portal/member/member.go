// Package member is the portal: the pages of the people of one application. Each file
// is a page, with its template in templates.
package member

import (
	"context"
	"embed"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
	"github.com/postrider/postrider/shared/secret"
)

//go:embed templates
var files embed.FS

// life is the longest that a token of a member is good for. The API says when it is no
// longer.
const life = 7 * 24 * time.Hour

// Area returns the portal.
func Area() *web.Area {
	return &web.Area{
		Name: "portal", Title: "Webhooks", Path: "/portal", Login: "/login", Life: life,
		Enter: enter, Who: who, Files: files,
		Nav: []web.Link{
			{Label: "Overview", Path: homePath},
			{Label: "Endpoints", Path: endpointsPath},
			{Label: "Messages", Path: messagesPath},
			{Label: "Dead letters", Path: lettersPath},
			{Label: "Jobs", Path: jobsPath},
			{Label: "Activity", Path: "/portal/activity"},
			{Label: "Event types", Path: eventTypesPath},
			{Label: "Try it", Path: "/portal/try"},
		},
		Routes: slices.Concat(
			homeRoutes(),
			endpointRoutes(),
			activityRoutes(),
			eventTypeRoutes(),
			tryRoutes(),
			signatureRoutes(),
			messageRoutes(),
		),
	}
}

// enter reads the key of a portal link: what is behind its #, or the whole link.
func enter(ctx context.Context, key string, as func(secret.String) *client.Client) (web.Session, error) {
	var inside struct {
		App   string `json:"appId"`
		Token string `json:"token"`
	}
	if _, fragment, whole := strings.Cut(key, "#"); whole {
		if values, err := url.ParseQuery(fragment); err == nil {
			key = values.Get("key")
		}
	}
	text, err := base64.StdEncoding.DecodeString(key)
	if err != nil || json.Unmarshal(text, &inside) != nil || inside.App == "" || inside.Token == "" {
		return web.Session{}, &client.Problem{Status: 401}
	}
	token := secret.New(inside.Token)
	app, err := as(token).Application(ctx, inside.App)
	if err != nil {
		return web.Session{}, err
	}
	return web.Session{App: app.ID, Token: token}, nil
}

// who is the name of the application.
func who(v *web.Visit) string {
	app, err := v.API.Application(v.Context(), v.App)
	if err != nil {
		return "" // the page says what is wrong
	}
	return app.Name
}
