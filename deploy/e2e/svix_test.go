package e2e

import (
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	"github.com/svix/svix-webhooks/go/models"

	"github.com/postrider/postrider/shared/testkit"
)

// testClient is what a user of Svix's client library does, and what a user of
// the Standard Webhooks library sees.
func testClient(t *testing.T, s system) {
	t.Helper()
	c := s.as(t, s.token)
	r := newReceiver(t, nil)

	app, err := c.Application.Create(t.Context(), models.ApplicationIn{Name: "Client"}, nil)
	require.NoError(t, err)
	endpoint, err := c.Endpoint.Create(t.Context(), app.Id, models.EndpointIn{Url: r.URL + "/hook"}, nil)
	require.NoError(t, err)
	secret, err := c.Endpoint.GetSecret(t.Context(), app.Id, endpoint.Id)
	require.NoError(t, err)
	message, err := c.Message.Create(t.Context(), app.Id, models.MessageIn{
		EventType: "invoice.paid", Payload: map[string]any{"amount": 12, "currency": "€"},
	}, nil)
	require.NoError(t, err)

	testkit.Eventually(t, func() bool { return len(r.at("/hook")) == 1 }, "the event arrives")
	got := r.at("/hook")[0]
	require.Equal(t, message.Id, got.id)
	require.JSONEq(t, `{"amount": 12, "currency": "€"}`, got.body)
	webhook, err := standardwebhooks.NewWebhook(secret.Key)
	require.NoError(t, err)
	require.NoError(t, webhook.Verify([]byte(got.body), got.head))
	require.Error(t, webhook.Verify([]byte(got.body+" "), got.head))
}
