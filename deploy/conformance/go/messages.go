package main

import (
	"fmt"
	"slices"
	"time"

	svix "github.com/svix/svix-webhooks/go"
	"github.com/svix/svix-webhooks/go/models"
)

// post posts a message in the channels and returns its id.
func (w *world) post(app, kind string, channels []string) string {
	return got(w.Message.Create(w.ctx, app, models.MessageIn{EventType: kind, Payload: map[string]any{"kind": kind}, Channels: channels}, nil)).Id
}

// secrets looks at what a receiver gets, with the library's own check.
func secrets(w *world) {
	app := w.application("secrets")
	var old, current *models.EndpointSecretOut
	w.step("secret: get, and verify a delivery", func() {
		got(w.Endpoint.Create(w.ctx, app, models.EndpointIn{Url: w.hook("secret"), Uid: new("s")}, nil))
		old = got(w.Endpoint.GetSecret(w.ctx, app, "s"))
		id := w.post(app, "secret.first", nil)
		d := w.arrived("secret", 1)[0]
		same(id, d.header().Get("webhook-id"), "webhook-id")
		same(id, d.header().Get("svix-id"), "svix-id")
		webhook := got(svix.NewWebhook(old.Key))
		must(webhook.Verify([]byte(d.Body), d.header()))
		check(webhook.Verify([]byte(d.Body+" "), d.header()) != nil, "another body verifies too")
	})
	w.step("secret: rotate, and both verify", func() {
		w.rotate(app, "s", nil)
		current = got(w.Endpoint.GetSecret(w.ctx, app, "s"))
		check(old.Key != current.Key, "the key did not change")
		w.post(app, "secret.second", nil)
		d := w.arrived("secret", 2)[1]
		for _, key := range []string{old.Key, current.Key} {
			must(got(svix.NewWebhook(key)).Verify([]byte(d.Body), d.header()))
		}
	})
	w.step("secret: rotate to a key of one's own", func() {
		key := "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
		w.rotate(app, "s", &key)
		same(key, got(w.Endpoint.GetSecret(w.ctx, app, "s")).Key, "key")
		refused(422, w.Endpoint.RotateSecret(w.ctx, app, "s", models.EndpointSecretRotateIn{Key: new("whsec_nonsense")}, nil))
		must(w.Application.Delete(w.ctx, app))
	})
}

func messages(w *world) {
	app := w.application("messages")
	a, b := w.uid("m.a"), w.uid("m.b")
	var made []string
	var between time.Time
	w.step("message: create", func() {
		m := got(w.Message.Create(w.ctx, app, models.MessageIn{
			EventType: a, EventId: new("order-1"), Payload: map[string]any{"n": 1.5, "text": "€"}, Channels: []string{"eu"},
		}, nil))
		same(a, m.EventType, "event type")
		same("order-1", *m.EventId, "event id")
		same(1.5, m.Payload["n"].(float64), "payload")
		sameList([]string{"eu"}, m.Channels, "channels")
		made = append(made, m.Id)
	})
	w.step("message: an event id is taken", func() {
		_, err := w.Message.Create(w.ctx, app, models.MessageIn{EventType: a, EventId: new("order-1"), Payload: map[string]any{}}, nil)
		refused(409, err)
	})
	w.step("message: bad input is refused", func() {
		_, err := w.Message.Create(w.ctx, app, models.MessageIn{EventType: "", Payload: map[string]any{}}, nil)
		refused(422, err)
		_, err = w.Message.Create(w.ctx, w.uid("nobody"), models.MessageIn{EventType: a, Payload: map[string]any{}}, nil)
		refused(404, err)
	})
	w.step("message: get by id and by event id", func() {
		m := got(w.Message.Get(w.ctx, app, made[0], nil))
		same("€", m.Payload["text"].(string), "payload")
		m = got(w.Message.Get(w.ctx, app, "order-1", &svix.MessageGetOptions{WithContent: new(false)}))
		same(made[0], m.Id, "id")
		same(0, len(m.Payload), "payload that was not asked for")
	})
	w.step("message: create with an application", func() {
		uid := w.uid("with")
		m := got(w.Message.Create(w.ctx, uid, models.MessageIn{
			EventType: a, Payload: map[string]any{}, Application: &models.ApplicationIn{Name: "With", Uid: &uid},
		}, nil))
		same(m.Id, got(w.Message.Get(w.ctx, uid, m.Id, nil)).Id, "id")
		must(w.Application.Delete(w.ctx, uid))
	})
	w.step("message: list with filters, forward and back", func() {
		made = append(made, w.post(app, b, []string{"eu"}), w.post(app, a, nil))
		between = nextSecond()
		made = append(made, w.post(app, b, []string{"us", "eu"}), w.post(app, a, []string{"us"}))
		for name, test := range map[string]struct {
			filter svix.MessageListOptions
			want   []int
		}{
			"all":     {svix.MessageListOptions{}, []int{4, 3, 2, 1, 0}},
			"channel": {svix.MessageListOptions{Channel: new("eu")}, []int{3, 1, 0}},
			"type":    {svix.MessageListOptions{EventTypes: &[]string{a}}, []int{4, 2, 0}},
			"types":   {svix.MessageListOptions{EventTypes: &[]string{a, b}}, []int{4, 3, 2, 1, 0}},
			"before":  {svix.MessageListOptions{Before: &between}, []int{2, 1, 0}},
			"both":    {svix.MessageListOptions{Before: &between, Channel: new("eu"), EventTypes: &[]string{b}}, []int{1}},
			"nothing": {svix.MessageListOptions{Channel: new("nowhere")}, nil},
		} {
			if test.filter.Before != nil && !sendsTimes {
				continue
			}
			have := walk(made, func(limit *uint64, iterator *string) page {
				test.filter.Limit, test.filter.Iterator = limit, iterator
				return messagePage(got(w.Message.List(w.ctx, app, &test.filter)))
			})
			sameList(pick(made, test.want), have, name)
		}
		if sendsTimes {
			after := got(w.Message.List(w.ctx, app, &svix.MessageListOptions{After: &between, Limit: new(uint64(1))}))
			sameList([]string{made[3]}, messagePage(after).ids, "after: the oldest page first")
			check(!after.Done, "there is more after it")
		}
		got(w.Message.List(w.ctx, app, &svix.MessageListOptions{WithContent: new(false)}))
	})
	w.step("message: expunge its content", func() {
		must(w.Message.ExpungeContent(w.ctx, app, made[0]))
		m := got(w.Message.Get(w.ctx, app, made[0], nil))
		same("map[expired:true]", fmt.Sprint(m.Payload), "payload")
		must(w.Application.Delete(w.ctx, app))
	})
}

func messagePage(l *models.ListResponseMessageOut) page {
	return page{ids(l.Data, func(m *models.MessageOut) string { return m.Id }), l.Iterator, l.PrevIterator, l.Done}
}

// pick returns the items at some places.
func pick(all []string, at []int) []string {
	var some []string
	for _, i := range at {
		some = append(some, all[i])
	}
	return some
}

func idempotency(w *world) {
	app := w.application("idempotency")
	post := func(key string, n float64) (*models.MessageOut, error) {
		return w.Message.Create(w.ctx, app, models.MessageIn{EventType: "once", Payload: map[string]any{"n": n}}, &svix.MessageCreateOptions{IdempotencyKey: &key})
	}
	w.step("idempotency: the same key gives the same message", func() {
		first, again := got(post("key-1", 1)), got(post("key-1", 1))
		same(first.Id, again.Id, "id")
		check(first.Id != got(post("key-2", 1)).Id, "another key gives the same message too")
	})
	w.step("idempotency: the same key with another body is refused", func() {
		_, err := post("key-1", 2)
		refused(409, err)
		same(2, len(got(w.Message.List(w.ctx, app, nil)).Data), "messages")
		must(w.Application.Delete(w.ctx, app))
	})
}

// sorted is a copy in order.
func sorted(all []string) []string { return slices.Sorted(slices.Values(all)) }
