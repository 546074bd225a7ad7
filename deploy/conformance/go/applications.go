package main

import (
	"slices"

	svix "github.com/svix/svix-webhooks/go"
	"github.com/svix/svix-webhooks/go/models"
	"github.com/svix/svix-webhooks/go/utils"
)

func applications(w *world) {
	var made []string
	uid := w.uid("app")
	w.step("application: create", func() {
		app := got(w.Application.Create(w.ctx, models.ApplicationIn{
			Name: "One", Uid: &uid, RateLimit: new(uint16(7)), Metadata: &map[string]string{"plan": "gold"},
		}, nil))
		same("One", app.Name, "name")
		same(uid, *app.Uid, "uid")
		same(7, *app.RateLimit, "rate limit")
		same("gold", app.Metadata["plan"], "metadata")
		made = append(made, app.Id)
	})
	w.step("application: a uid is taken", func() {
		_, err := w.Application.Create(w.ctx, models.ApplicationIn{Name: "Two", Uid: &uid}, nil)
		refused(409, err)
	})
	w.step("application: get or create", func() {
		app := got(w.Application.GetOrCreate(w.ctx, models.ApplicationIn{Name: "Other", Uid: &uid}, nil))
		same(made[0], app.Id, "id")
		same("One", app.Name, "name of the one that is there")
		app = got(w.Application.GetOrCreate(w.ctx, models.ApplicationIn{Name: "Fresh", Uid: new(w.uid("fresh"))}, nil))
		check(app.Id != made[0], "not a new one")
		made = append(made, app.Id)
	})
	w.step("application: get by id and by uid", func() {
		same(uid, *got(w.Application.Get(w.ctx, made[0])).Uid, "uid")
		same(made[0], got(w.Application.Get(w.ctx, uid)).Id, "id")
		_, err := w.Application.Get(w.ctx, w.uid("nobody"))
		refused(404, err)
	})
	w.step("application: update, also one that is not there", func() {
		app := got(w.Application.Update(w.ctx, uid, models.ApplicationIn{Name: "Renamed", Uid: &uid}))
		same(made[0], app.Id, "id")
		check(app.RateLimit == nil && len(app.Metadata) == 0, "what was not given is still there")
		made = append(made, got(w.Application.Update(w.ctx, w.uid("put"), models.ApplicationIn{Name: "Put", Uid: new(w.uid("put"))})).Id)
	})
	w.step("application: patch, also with null", func() {
		app := got(w.Application.Patch(w.ctx, uid, models.ApplicationPatch{RateLimit: utils.NewNullable(uint16(9))}))
		same("Renamed", app.Name, "name, not given")
		same(9, *app.RateLimit, "rate limit")
		app = got(w.Application.Patch(w.ctx, uid, models.ApplicationPatch{RateLimit: utils.NewNullableFromPtr[uint16](nil)}))
		check(app.RateLimit == nil, "rate limit is still there")
	})
	w.step("application: list in both orders, forward and back", func() {
		made = append(made, got(w.Application.Create(w.ctx, models.ApplicationIn{Name: "No uid"}, nil)).Id)
		list := func(order models.Ordering) []string {
			return walk(made, func(limit *uint64, iterator *string) page {
				l := got(w.Application.List(w.ctx, &svix.ApplicationListOptions{Limit: limit, Iterator: iterator, Order: &order}))
				return page{ids(l.Data, func(a *models.ApplicationOut) string { return a.Id }), l.Iterator, l.PrevIterator, l.Done}
			})
		}
		slices.Sort(made)
		sameList(made, list(models.ORDERING_ASCENDING), "ascending")
		sameList(reversed(made), list(models.ORDERING_DESCENDING), "descending")
	})
	w.step("application: bad input is refused", func() {
		_, err := w.Application.Create(w.ctx, models.ApplicationIn{Name: ""}, nil)
		refused(422, err)
		_, err = w.Application.List(w.ctx, &svix.ApplicationListOptions{Iterator: new("nonsense")})
		refused(422, err)
		stranger := got(w.as("nonsense"))
		_, err = stranger.Application.List(w.ctx, nil)
		refused(401, err)
	})
	w.step("application: delete", func() {
		for _, id := range made {
			must(w.Application.Delete(w.ctx, id))
		}
		_, err := w.Application.Get(w.ctx, uid)
		refused(404, err)
	})
}
