package api_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	svix "github.com/svix/svix-webhooks/go"
	"github.com/svix/svix-webhooks/go/models"
	"github.com/svix/svix-webhooks/go/utils"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

func client(t *testing.T, w *world) *svix.Svix {
	t.Helper()
	server, err := url.Parse(w.url)
	require.NoError(t, err)
	c, err := svix.New(token, &svix.SvixOptions{ServerUrl: server})
	require.NoError(t, err)
	return c
}

// TestSvixClient does with the published client what its users do.
func TestSvixClient(t *testing.T) {
	t.Parallel()
	w := start(t)
	c, ctx := client(t, w), t.Context()
	require.NoError(t, c.Health.Get(ctx))

	app, err := c.Application.Create(ctx, models.ApplicationIn{Name: "Acme", Uid: new("acme"), ThrottleRate: new(uint16(5))}, nil)
	require.NoError(t, err)
	same, err := c.Application.GetOrCreate(ctx, models.ApplicationIn{Name: "Acme", Uid: new("acme")}, nil)
	require.NoError(t, err)
	require.Equal(t, app.Id, same.Id)
	patched, err := c.Application.Patch(ctx, "acme", models.ApplicationPatch{Name: new("New"), ThrottleRate: utils.NewUnsetNullable[uint16]()})
	require.NoError(t, err)
	require.Equal(t, "New", patched.Name)
	require.Equal(t, new(uint16(5)), patched.ThrottleRate)
	_, err = c.Application.Update(ctx, "acme", models.ApplicationIn{Name: "Acme", Uid: new("acme")})
	require.NoError(t, err)
	apps, err := c.Application.List(ctx, &svix.ApplicationListOptions{Limit: new(uint64(1))})
	require.NoError(t, err)
	require.Equal(t, app.Id, apps.Data[0].Id)
	require.True(t, apps.Done)

	_, err = c.EventType.Create(ctx, models.EventTypeIn{Name: "invoice.paid", Description: "Paid", Schemas: &map[string]any{"1": map[string]any{"type": "object"}}}, nil)
	require.NoError(t, err)
	types, err := c.EventType.List(ctx, &svix.EventTypeListOptions{WithContent: new(true)})
	require.NoError(t, err)
	require.Len(t, types.Data, 1)
	_, err = c.EventType.Update(ctx, "invoice.paid", models.EventTypeUpdate{Description: "Paid!"})
	require.NoError(t, err)

	endpoint, err := c.Endpoint.Create(ctx, "acme", models.EndpointIn{Url: "https://example.com/hook", FilterTypes: []string{"invoice.paid"}, Uid: new("hook")}, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"invoice.paid"}, endpoint.FilterTypes)
	_, err = c.Endpoint.Create(ctx, "acme", models.EndpointIn{Url: "https://example.com/", FilterTypes: []string{"missing"}}, nil)
	failure := new(svix.Error)
	require.ErrorAs(t, err, &failure)
	require.Equal(t, 422, failure.Status())
	before, err := c.Endpoint.GetSecret(ctx, "acme", "hook")
	require.NoError(t, err)
	require.NoError(t, c.Endpoint.RotateSecret(ctx, "acme", "hook", models.EndpointSecretRotateIn{}, nil))
	secret, err := c.Endpoint.GetSecret(ctx, "acme", "hook")
	require.NoError(t, err)
	require.NotEqual(t, before.Key, secret.Key)
	_, err = svix.NewWebhook(secret.Key)
	require.NoError(t, err)
	require.NoError(t, c.Endpoint.UpdateHeaders(ctx, "acme", "hook", models.EndpointHeadersIn{Headers: map[string]string{"X-A": "1", "Authorization": "x"}}))
	require.NoError(t, c.Endpoint.PatchHeaders(ctx, "acme", "hook", models.EndpointHeadersPatchIn{DeleteHeaders: []string{"X-A"}}))
	headers, err := c.Endpoint.GetHeaders(ctx, "acme", "hook")
	require.NoError(t, err)
	require.Equal(t, models.EndpointHeadersOut{Headers: map[string]string{}, Sensitive: []string{"Authorization"}}, *headers)
	off, err := c.Endpoint.Patch(ctx, "acme", "hook", models.EndpointPatch{Disabled: new(true)})
	require.NoError(t, err)
	require.Equal(t, []string{"invoice.paid"}, off.FilterTypes)
	_, err = c.Endpoint.Update(ctx, "acme", "hook", models.EndpointUpdate{Url: "https://example.com/new", Uid: new("hook")})
	require.NoError(t, err)
	endpoints, err := c.Endpoint.List(ctx, "acme", &svix.EndpointListOptions{Order: new(models.ORDERING_ASCENDING)})
	require.NoError(t, err)
	require.Equal(t, endpoint.Id, endpoints.Data[0].Id)

	svixMessages(t, w, c, endpoint.Id)
	svixDeliveries(t, c, endpoint.Id)

	require.NoError(t, c.Endpoint.Delete(ctx, "acme", "hook"))
	require.NoError(t, c.EventType.Delete(ctx, "invoice.paid", nil))
	require.NoError(t, c.Application.Delete(ctx, "acme"))
	_, err = c.Application.Get(ctx, "acme")
	require.ErrorAs(t, err, &failure)
	require.Equal(t, 404, failure.Status())
}

func svixMessages(t *testing.T, w *world, c *svix.Svix, endpoint string) {
	t.Helper()
	ctx := t.Context()
	message, err := c.Message.Create(ctx, "acme", models.MessageIn{
		EventType: "invoice.paid", EventId: new("order-1"), Payload: map[string]any{"n": 1.0}, Channels: []string{"eu"},
	}, nil)
	require.NoError(t, err)
	_, err = c.Message.Create(ctx, "acme", *svix.NewMessageInRaw("invoice.paid", "<xml/>", new("text/xml")), nil)
	require.NoError(t, err)
	_, err = c.Message.Create(ctx, "fresh", models.MessageIn{
		EventType: "invoice.paid", Payload: map[string]any{}, Application: &models.ApplicationIn{Name: "Fresh", Uid: new("fresh")},
	}, &svix.MessageCreateOptions{IdempotencyKey: new("key")})
	require.NoError(t, err)
	got, err := c.Message.Get(ctx, "acme", "order-1", nil)
	require.NoError(t, err)
	require.Equal(t, message.Id, got.Id)
	require.Equal(t, map[string]any{"n": 1.0}, got.Payload)
	messages, err := c.Message.List(ctx, "acme", &svix.MessageListOptions{
		EventTypes: &[]string{"invoice.paid", "other"}, Channel: new("eu"), After: new(time.Now().Add(-time.Hour)), Limit: new(uint64(5)),
	})
	require.NoError(t, err)
	require.Len(t, messages.Data, 1)

	app, err := w.store.Tenant(ctx, store.Ref{UID: "acme"})
	require.NoError(t, err)
	row := store.Attempt{
		ID: event.NewID(), Tenant: app.ID, Event: parse(t, event.Message, message.Id), Endpoint: parse(t, event.Endpoint, endpoint),
		Number: 1, Outcome: "http_status", StatusCode: 500, URL: "https://example.com/new", Response: []byte("no"),
	}
	require.NoError(t, w.store.RecordAttempts(ctx, []store.Attempt{row}))
	byEndpoint, err := c.MessageAttempt.ListByEndpoint(ctx, "acme", "hook", &svix.MessageAttemptListByEndpointOptions{
		Status: new(models.MESSAGESTATUS_FAIL), StatusCodeClass: new(models.STATUSCODECLASS_CODE5XX), EventTypes: &[]string{"invoice.paid"},
	})
	require.NoError(t, err)
	require.Len(t, byEndpoint.Data, 1)
	require.Equal(t, models.MESSAGESTATUSTEXT_FAIL, byEndpoint.Data[0].StatusText)
	byMessage, err := c.MessageAttempt.ListByMsg(ctx, "acme", "order-1", nil)
	require.NoError(t, err)
	require.Equal(t, byEndpoint.Data, byMessage.Data)
	attempt, err := c.MessageAttempt.Get(ctx, "acme", message.Id, byMessage.Data[0].Id, nil)
	require.NoError(t, err)
	require.Equal(t, "no", attempt.Response)

	_, err = c.MessageAttempt.Resend(ctx, "acme", message.Id, "hook", nil)
	require.NoError(t, err)
	task, err := c.Endpoint.Recover(ctx, "acme", "hook", models.RecoverIn{Since: time.Now().Add(-time.Hour)}, nil)
	require.NoError(t, err)
	followed, err := c.BackgroundTask.Get(ctx, task.Id)
	require.NoError(t, err)
	require.Equal(t, models.BACKGROUNDTASKSTATUS_RUNNING, followed.Status)
	require.Equal(t, models.BACKGROUNDTASKTYPE_ENDPOINT_RECOVER, followed.Task)
}

// svixDeliveries looks at what svixMessages left: one attempt, which failed.
func svixDeliveries(t *testing.T, c *svix.Svix, endpoint string) {
	t.Helper()
	ctx := t.Context()
	stats, err := c.Endpoint.GetStats(ctx, "acme", "hook", &svix.EndpointGetStatsOptions{Since: new(time.Now().Add(-time.Hour)), Until: new(time.Now().Add(time.Minute))})
	require.NoError(t, err)
	require.Equal(t, models.EndpointStats{Fail: 1}, *stats)
	messages, err := c.MessageAttempt.ListAttemptedMessages(ctx, "acme", "hook", &svix.MessageAttemptListAttemptedMessagesOptions{
		Status: new(models.MESSAGESTATUS_FAIL), Channel: new("eu"), After: new(time.Now().Add(-time.Hour)), EventTypes: &[]string{"invoice.paid"},
	})
	require.NoError(t, err)
	require.Len(t, messages.Data, 1)
	require.Equal(t, models.MESSAGESTATUSTEXT_FAIL, messages.Data[0].StatusText)
	destinations, err := c.MessageAttempt.ListAttemptedDestinations(ctx, "acme", "order-1", nil)
	require.NoError(t, err)
	require.Len(t, destinations.Data, 1)
	require.Equal(t, endpoint, destinations.Data[0].Id)

	check, err := c.Message.Precheck(ctx, "acme", models.MessagePrecheckIn{EventType: "invoice.paid", Channels: []string{"eu"}}, nil)
	require.NoError(t, err)
	require.True(t, check.Active)
	tasks, err := c.BackgroundTask.List(ctx, &svix.BackgroundTaskListOptions{
		Status: new(models.BACKGROUNDTASKSTATUS_RUNNING), Task: new(models.BACKGROUNDTASKTYPE_ENDPOINT_RECOVER), Order: new(models.ORDERING_DESCENDING),
	})
	require.NoError(t, err)
	require.Len(t, tasks.Data, 1)
	tasks, err = c.BackgroundTask.List(ctx, nil)
	require.NoError(t, err, "there is a resend too, whose name it does not know")
	require.Len(t, tasks.Data, 1)

	attempts, err := c.MessageAttempt.ListByMsg(ctx, "acme", "order-1", nil)
	require.NoError(t, err)
	require.NoError(t, c.MessageAttempt.ExpungeContent(ctx, "acme", "order-1", attempts.Data[0].Id))
	attempt, err := c.MessageAttempt.Get(ctx, "acme", "order-1", attempts.Data[0].Id, nil)
	require.NoError(t, err)
	require.Equal(t, "EXPUNGED", attempt.Response)
	require.NoError(t, c.Message.ExpungeContent(ctx, "acme", "order-1"))
	message, err := c.Message.Get(ctx, "acme", "order-1", nil)
	require.NoError(t, err)
	require.Equal(t, map[string]any{"expired": true}, message.Payload)
	_, err = c.MessageAttempt.Resend(ctx, "acme", "order-1", "hook", nil)
	failure := new(svix.Error)
	require.ErrorAs(t, err, &failure)
	require.Equal(t, 400, failure.Status())
}
