package main

import (
	svix "github.com/svix/svix-webhooks/go"
	"github.com/svix/svix-webhooks/go/models"
)

// portal is what an application does with a token of its own.
func portal(w *world) {
	app, other := w.application("portal"), w.application("portal.other")
	var member *svix.Svix
	w.step("portal access: a token", func() {
		access := got(w.Authentication.AppPortalAccess(w.ctx, app, models.AppPortalAccessIn{}, nil))
		check(access.Token != "" && access.Url != "", "no token or no URL")
		member = got(w.as(access.Token))
	})
	w.step("portal access: what the application may do", func() {
		e := got(member.Endpoint.Create(w.ctx, app, models.EndpointIn{Url: w.hook("portal")}, nil))
		got(member.Endpoint.GetSecret(w.ctx, app, e.Id))
		same(1, len(got(member.Endpoint.List(w.ctx, app, nil)).Data), "endpoints")
		got(member.MessageAttempt.ListByEndpoint(w.ctx, app, e.Id, nil))
		got(member.Message.List(w.ctx, app, nil))
	})
	w.step("portal access: what it may not", func() {
		_, err := member.Endpoint.List(w.ctx, other, nil)
		refused(404, err)
		_, err = member.Application.List(w.ctx, nil)
		refused(403, err)
		_, err = member.Application.Create(w.ctx, models.ApplicationIn{Name: "Mine"}, nil)
		refused(403, err)
		_, err = member.Message.Create(w.ctx, app, models.MessageIn{EventType: "any", Payload: map[string]any{}}, nil)
		refused(403, err)
	})
	w.step("portal access: all tokens expire", func() {
		must(w.Authentication.ExpireAll(w.ctx, app, models.ApplicationTokenExpireIn{}, nil))
		_, err := member.Endpoint.List(w.ctx, app, nil)
		refused(401, err)
		must(w.Application.Delete(w.ctx, app))
		must(w.Application.Delete(w.ctx, other))
	})
}

func sendExample(w *world) {
	app, kind := w.application("example"), w.eventType("example.kind")
	w.step("send an example", func() {
		e := got(w.Endpoint.Create(w.ctx, app, models.EndpointIn{Url: w.hook("example")}, nil))
		m := got(w.Endpoint.SendExample(w.ctx, app, e.Id, models.EventExampleIn{EventType: kind}, nil))
		same(kind, m.EventType, "event type")
		d := w.arrived("example", 1)[0]
		same(m.Id, d.header().Get("webhook-id"), "webhook-id")
		same(`{"example":"example.kind"}`, d.Body, "body")
		must(w.Application.Delete(w.ctx, app))
	})
}
