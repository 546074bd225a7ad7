package main

import (
	"slices"

	svix "github.com/svix/svix-webhooks/go"
	"github.com/svix/svix-webhooks/go/models"
	"github.com/svix/svix-webhooks/go/utils"
)

// application makes one that is used by several steps.
func (w *world) application(name string) string {
	return got(w.Application.GetOrCreate(w.ctx, models.ApplicationIn{Name: name, Uid: new(w.uid(name))}, nil)).Id
}

// eventType makes one with a schema that has an example.
func (w *world) eventType(name string) string {
	schema := map[string]any{"type": "object", "examples": []any{map[string]any{"example": name}}}
	full := w.uid(name)
	_, err := w.EventType.Create(w.ctx, models.EventTypeIn{Name: full, Description: name, Schemas: &map[string]any{"1": schema}}, nil)
	if statusOf(err) != 409 {
		must(err)
	}
	return full
}

func endpoints(w *world) {
	app, kind := w.application("endpoints"), w.eventType("endpoints.kind")
	var made []string
	w.step("endpoint: create", func() {
		e := got(w.Endpoint.Create(w.ctx, app, models.EndpointIn{
			Url: w.hook("e"), Uid: new("e"), Description: new("One"), FilterTypes: []string{kind}, Channels: []string{"eu"},
			RateLimit: new(uint16(100)), Metadata: &map[string]string{"a": "b"},
		}, nil))
		same(w.hook("e"), e.Url, "URL")
		same("e", *e.Uid, "uid")
		same("One", e.Description, "description")
		sameList([]string{kind}, e.FilterTypes, "event types")
		sameList([]string{"eu"}, e.Channels, "channels")
		same(100, *e.RateLimit, "rate limit")
		same("b", e.Metadata["a"], "metadata")
		same(1, e.Version, "version")
		made = append(made, e.Id)
		_, err := w.Endpoint.Create(w.ctx, app, models.EndpointIn{Url: w.hook("e"), Uid: new("e")}, nil)
		refused(409, err)
	})
	w.step("endpoint: bad input is refused", func() {
		for _, in := range []models.EndpointIn{
			{Url: "nonsense"},
			{Url: w.hook("x"), FilterTypes: []string{w.uid("missing")}},
			{Url: w.hook("x"), Secret: new("whsec_c2hvcnQ=")},
			{Url: w.hook("x"), Uid: new("ep_x")},
		} {
			_, err := w.Endpoint.Create(w.ctx, app, in, nil)
			refused(422, err)
		}
	})
	w.step("endpoint: get by id and by uid", func() {
		same("e", *got(w.Endpoint.Get(w.ctx, app, made[0])).Uid, "uid")
		same(made[0], got(w.Endpoint.Get(w.ctx, w.uid("endpoints"), "e")).Id, "id")
		_, err := w.Endpoint.Get(w.ctx, app, "nobody")
		refused(404, err)
	})
	w.step("endpoint: update, also one that is not there", func() {
		e := got(w.Endpoint.Update(w.ctx, app, "e", models.EndpointUpdate{Url: w.hook("e2"), Uid: new("e"), Channels: []string{"us"}}))
		same(made[0], e.Id, "id")
		same(w.hook("e2"), e.Url, "URL")
		check(e.FilterTypes == nil && e.RateLimit == nil && e.Description == "", "what was not given is still there")
		made = append(made, got(w.Endpoint.Update(w.ctx, app, "unknown", models.EndpointUpdate{Url: w.hook("put"), Uid: new("put")})).Id)
	})
	w.step("endpoint: patch, also with null", func() {
		e := got(w.Endpoint.Patch(w.ctx, app, "e", models.EndpointPatch{
			FilterTypes: utils.NewNullable([]string{kind}), RateLimit: utils.NewNullable(uint16(5)), Disabled: new(true),
		}))
		same(w.hook("e2"), e.Url, "URL, not given")
		sameList([]string{"us"}, e.Channels, "channels, not given")
		same(5, *e.RateLimit, "rate limit")
		check(*e.Disabled, "not disabled")
		e = got(w.Endpoint.Patch(w.ctx, app, "e", models.EndpointPatch{
			FilterTypes: utils.NewNullableFromPtr[[]string](nil), Channels: utils.NewNullableFromPtr[[]string](nil),
			RateLimit: utils.NewNullableFromPtr[uint16](nil), Uid: utils.NewNullableFromPtr[string](nil), Disabled: new(false),
		}))
		check(e.FilterTypes == nil && e.Channels == nil && e.RateLimit == nil && e.Uid == nil, "null cleared nothing")
		check(!*e.Disabled, "disabled")
	})
	w.step("endpoint: list in both orders, forward and back", func() {
		for _, uid := range []string{"l1", "l2", "l3"} {
			made = append(made, got(w.Endpoint.Create(w.ctx, app, models.EndpointIn{Url: w.hook(uid), Uid: &uid}, nil)).Id)
		}
		list := func(order *models.Ordering) []string {
			return walk(made, func(limit *uint64, iterator *string) page {
				l := got(w.Endpoint.List(w.ctx, app, &svix.EndpointListOptions{Limit: limit, Iterator: iterator, Order: order}))
				return page{ids(l.Data, func(e *models.EndpointOut) string { return e.Id }), l.Iterator, l.PrevIterator, l.Done}
			})
		}
		slices.Sort(made)
		sameList(reversed(made), list(nil), "newest first")
		sameList(made, list(new(models.ORDERING_ASCENDING)), "ascending")
	})
	w.step("endpoint: delete", func() {
		must(w.Endpoint.Delete(w.ctx, app, made[0]))
		_, err := w.Endpoint.Get(w.ctx, app, made[0])
		refused(404, err)
		must(w.Application.Delete(w.ctx, app))
	})
}

// headers of an endpoint: old clients delete by null, which their type for a
// patch cannot say, so each version has its way.
func headers(w *world) {
	app := w.application("headers")
	w.step("headers: set, get, patch", func() {
		got(w.Endpoint.Create(w.ctx, app, models.EndpointIn{Url: w.hook("headers"), Uid: new("h")}, nil))
		must(w.Endpoint.UpdateHeaders(w.ctx, app, "h", models.EndpointHeadersIn{Headers: map[string]string{"X-One": "1", "X-Two": "2", "Authorization": "Bearer x"}}))
		h := got(w.Endpoint.GetHeaders(w.ctx, app, "h"))
		same(2, len(h.Headers), "headers shown")
		same("1", h.Headers["X-One"], "X-One")
		sameList([]string{"Authorization"}, h.Sensitive, "sensitive")
		must(w.Endpoint.PatchHeaders(w.ctx, app, "h", models.EndpointHeadersPatchIn{Headers: map[string]string{"X-Two": "two"}}))
		h = got(w.Endpoint.GetHeaders(w.ctx, app, "h"))
		same("1", h.Headers["X-One"], "X-One, not given")
		same("two", h.Headers["X-Two"], "X-Two")
		refused(422, w.Endpoint.UpdateHeaders(w.ctx, app, "h", models.EndpointHeadersIn{Headers: map[string]string{"Content-Length": "1"}}))
	})
	w.step("headers: they are sent", func() {
		w.post(app, "headers.sent", nil)
		d := w.arrived("headers", 1)[0].header()
		same("1", d.Get("X-One"), "X-One")
		same("Bearer x", d.Get("Authorization"), "Authorization")
		must(w.Application.Delete(w.ctx, app))
	})
}
