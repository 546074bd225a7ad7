package e2e

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	svix "github.com/svix/svix-webhooks/go"
	"github.com/svix/svix-webhooks/go/models"

	"github.com/postrider/postrider/shared/testkit"
)

// as is Svix's client with a token.
func (s system) as(t *testing.T, token string) *svix.Svix {
	t.Helper()
	server, err := url.Parse(s.url)
	require.NoError(t, err)
	c, err := svix.New(token, &svix.SvixOptions{ServerUrl: server, HTTPClient: s.client(t).http})
	require.NoError(t, err)
	return c
}

// requireStatus wants an error with the status.
func requireStatus(t *testing.T, status int, err error) {
	t.Helper()
	var answer *svix.Error
	require.ErrorAs(t, err, &answer)
	require.Equal(t, status, answer.Status(), answer.Body())
}

// testTokens is what the people of an application can do with Svix's client, and
// what a program can do with an API key.
func testTokens(t *testing.T, s system) {
	t.Helper()
	ctx := t.Context()
	operator := s.as(t, s.token)
	readOnly := true
	access, err := operator.Authentication.AppPortalAccess(ctx, "members", models.AppPortalAccessIn{
		Application: &models.ApplicationIn{Name: "Members", Uid: new("members")},
	}, nil)
	require.NoError(t, err)
	require.Contains(t, access.Url, s.url+"/login#key=")
	member := s.as(t, access.Token)
	endpoint, err := member.Endpoint.Create(ctx, "members", models.EndpointIn{Url: "https://example.com/hook"}, nil)
	require.NoError(t, err)
	_, err = member.Message.Create(ctx, "members", models.MessageIn{EventType: "a", Payload: map[string]any{}}, nil)
	requireStatus(t, http.StatusForbidden, err)
	_, err = member.Application.List(ctx, nil)
	requireStatus(t, http.StatusForbidden, err)

	access, err = operator.Authentication.AppPortalAccess(ctx, "members", models.AppPortalAccessIn{ReadOnly: &readOnly}, nil)
	require.NoError(t, err)
	reader := s.as(t, access.Token)
	_, err = reader.Endpoint.Get(ctx, "members", endpoint.Id)
	require.NoError(t, err)
	requireStatus(t, http.StatusForbidden, reader.Endpoint.Delete(ctx, "members", endpoint.Id))

	require.NoError(t, reader.Authentication.Logout(ctx, nil))
	_, err = reader.Endpoint.Get(ctx, "members", endpoint.Id)
	requireStatus(t, http.StatusUnauthorized, err)
	require.NoError(t, operator.Authentication.ExpireAll(ctx, "members", models.ApplicationTokenExpireIn{}, nil))
	_, err = member.Endpoint.Get(ctx, "members", endpoint.Id)
	requireStatus(t, http.StatusUnauthorized, err)

	c := s.client(t)
	key := c.must(t, http.StatusCreated, http.MethodPost, "/api-key", map[string]any{"name": "e2e", "scopes": []string{"publish"}})
	publisher := s.as(t, key["token"].(string))
	post := func() error {
		_, err := publisher.Message.Create(ctx, "members", models.MessageIn{EventType: "a", Payload: map[string]any{}}, nil)
		return err
	}
	require.NoError(t, post())
	_, err = publisher.Message.List(ctx, "members", nil)
	requireStatus(t, http.StatusForbidden, err)
	c.must(t, http.StatusNoContent, http.MethodDelete, "/api-key/"+key["id"].(string), nil)
	testkit.Eventually(t, func() bool { return post() != nil }, "the key ends")
	requireStatus(t, http.StatusUnauthorized, post())
}
