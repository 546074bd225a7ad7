package main

import (
	"encoding/json"

	svix "github.com/svix/svix-webhooks/go"
	"github.com/svix/svix-webhooks/go/models"
)

// operational webhooks tell the operator what happens to endpoints. They tell of
// those of other clients too, since they are of no application.
func operational(w *world) {
	endpoints := w.OperationalWebhookEndpoint
	var id, app string
	w.step("operational webhook: create, get, list, update", func() {
		e := got(endpoints.Create(w.ctx, models.OperationalWebhookEndpointIn{Url: w.hook("none"), FilterTypes: []string{"endpoint.deleted"}}, nil))
		id = e.Id
		same(w.hook("none"), got(endpoints.Get(w.ctx, id)).Url, "URL")
		e = got(endpoints.Update(w.ctx, id, models.OperationalWebhookEndpointUpdate{Url: w.hook("operational"), FilterTypes: []string{"endpoint.created"}}))
		sameList([]string{"endpoint.created"}, e.FilterTypes, "event types")
		l := got(endpoints.List(w.ctx, &svix.OperationalWebhookEndpointListOptions{Limit: new(uint64(250))}))
		check(len(l.Data) > 0, "none is listed")
	})
	w.step("operational webhook: headers and secret", func() {
		must(endpoints.UpdateHeaders(w.ctx, id, models.OperationalWebhookEndpointHeadersIn{Headers: map[string]string{"X-Ours": "1"}}))
		same("1", got(endpoints.GetHeaders(w.ctx, id)).Headers["X-Ours"], "X-Ours")
		must(endpoints.RotateSecret(w.ctx, id, models.OperationalWebhookEndpointSecretIn{}, nil))
	})
	w.step("operational webhook: an endpoint is created", func() {
		app = w.application("operational")
		made := got(w.Endpoint.Create(w.ctx, app, models.EndpointIn{Url: w.hook("x"), Uid: new("o")}, nil))
		webhook := got(svix.NewWebhook(got(endpoints.GetSecret(w.ctx, id)).Key))
		until("it is told of", func() bool {
			for _, d := range w.arrived("operational", 1) {
				must(webhook.Verify([]byte(d.Body), d.header()))
				same("1", d.header().Get("X-Ours"), "X-Ours")
				var told struct {
					Type string
					Data struct{ AppID, EndpointID string }
				}
				must(json.Unmarshal([]byte(d.Body), &told))
				same("endpoint.created", told.Type, "type")
				if told.Data.EndpointID == made.Id && told.Data.AppID == app {
					return true
				}
			}
			return false
		})
	})
	w.step("operational webhook: delete", func() {
		must(endpoints.Delete(w.ctx, id))
		_, err := endpoints.Get(w.ctx, id)
		refused(404, err)
		must(w.Application.Delete(w.ctx, app))
	})
}
