package main

import (
	svix "github.com/svix/svix-webhooks/go"
	"github.com/svix/svix-webhooks/go/models"
)

func eventTypes(w *world) {
	a, b, c := w.uid("type.a"), w.uid("type.b"), w.uid("type.c")
	list := func(archived bool) []string {
		return walk([]string{a, b, c}, func(limit *uint64, iterator *string) page {
			l := got(w.EventType.List(w.ctx, &svix.EventTypeListOptions{Limit: limit, Iterator: iterator, IncludeArchived: &archived}))
			return page{ids(l.Data, func(t *models.EventTypeOut) string { return t.Name }), l.Iterator, l.PrevIterator, l.Done}
		})
	}
	w.step("event type: create", func() {
		for _, name := range []string{c, a, b} {
			made := got(w.EventType.Create(w.ctx, models.EventTypeIn{
				Name: name, Description: "Of " + name,
				Schemas: &map[string]any{"1": map[string]any{"type": "object", "required": []any{"id"}}},
			}, nil))
			same(name, made.Name, "name")
			check(!made.Deprecated, "deprecated")
		}
		_, err := w.EventType.Create(w.ctx, models.EventTypeIn{Name: a, Description: "again"}, nil)
		refused(409, err)
	})
	w.step("event type: get", func() {
		t := got(w.EventType.Get(w.ctx, a))
		same("Of "+a, t.Description, "description")
		check(t.Schemas != nil && (*t.Schemas)["1"] != nil, "the schema is not there")
		_, err := w.EventType.Get(w.ctx, w.uid("type.missing"))
		refused(404, err)
	})
	w.step("event type: update and patch", func() {
		t := got(w.EventType.Update(w.ctx, a, models.EventTypeUpdate{Description: "Updated", Deprecated: new(true)}))
		same("Updated", t.Description, "description")
		check(t.Deprecated, "not deprecated")
		t = got(w.EventType.Patch(w.ctx, a, models.EventTypePatch{Deprecated: new(false)}))
		same("Updated", t.Description, "description, not given")
		check(!t.Deprecated, "deprecated")
	})
	w.step("event type: list by name, forward and back", func() {
		sameList([]string{a, b, c}, list(false), "all")
		l := got(w.EventType.List(w.ctx, &svix.EventTypeListOptions{WithContent: new(true), Limit: new(uint64(250))}))
		for _, t := range l.Data {
			check(t.Name != b || t.Schemas != nil, "no schema although asked for")
		}
	})
	w.step("event type: archive, and take back", func() {
		must(w.EventType.Delete(w.ctx, b, nil))
		sameList([]string{a, c}, list(false), "without archived")
		sameList([]string{a, b, c}, list(true), "with archived")
		check(*got(w.EventType.Get(w.ctx, b)).Archived, "not archived")
		got(w.EventType.Create(w.ctx, models.EventTypeIn{Name: b, Description: "back"}, nil))
		sameList([]string{a, b, c}, list(false), "after it was created again")
	})
	w.step("event type: delete for good", func() {
		for _, name := range []string{a, b, c} {
			must(w.EventType.Delete(w.ctx, name, &svix.EventTypeDeleteOptions{Expunge: new(true)}))
		}
		_, err := w.EventType.Get(w.ctx, a)
		refused(404, err)
	})
}
