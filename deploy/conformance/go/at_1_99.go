//go:build !svix_1_62_0 && !svix_1_84_0

package main

import (
	"time"

	"github.com/svix/svix-webhooks/go/models"
)

// newer is what this version has and older ones do not.
var newer = append(since184, precheck, bulkReplay, health)

func (w *world) rotate(app, endpoint string, key *string) {
	must(w.Endpoint.RotateSecret(w.ctx, app, endpoint, models.EndpointSecretRotateIn{Key: key, GracePeriodSeconds: new(uint32(3600))}, nil))
}

func (w *world) attempt(app, message, attempt string) (*models.MessageAttemptOut, error) {
	return w.MessageAttempt.Get(w.ctx, app, message, attempt, nil)
}

func precheck(w *world) {
	app := w.application("precheck")
	w.step("message: precheck", func() {
		got(w.Endpoint.Create(w.ctx, app, models.EndpointIn{Url: w.hook("x"), Channels: []string{"eu"}}, nil))
		ask := func(channels []string) bool {
			return got(w.Message.Precheck(w.ctx, app, models.MessagePrecheckIn{EventType: "any", Channels: channels}, nil)).Active
		}
		check(ask([]string{"eu"}), "somebody wants it")
		check(!ask([]string{"us"}), "nobody wants it")
		must(w.Application.Delete(w.ctx, app))
	})
}

func bulkReplay(w *world) {
	app, began := w.application("bulk-replay"), time.Now().Add(-time.Minute)
	w.step("replay what was attempted at an endpoint, and is chosen", func() {
		at := got(w.Endpoint.Create(w.ctx, app, models.EndpointIn{Url: w.hook("bulk")}, nil)).Id
		chosen := w.post(app, w.uid("b.a"), []string{"eu"})
		w.post(app, w.uid("b.b"), nil)
		until("both are recorded", func() bool { return len(w.attemptsAt(app, at)) == 2 })
		for i, in := range []models.BulkReplayIn{
			{EventTypes: []string{w.uid("b.a")}},
			{EventTypes: []string{w.uid("b.a")}, Channel: new("eu"), Status: new(models.MESSAGESTATUS_SUCCESS), StatusCodeClass: new(models.STATUSCODECLASS_CODE2XX)},
		} {
			in.Since = began
			task := got(w.Endpoint.BulkReplay(w.ctx, app, at, in, nil))
			same(models.BACKGROUNDTASKTYPE_ENDPOINT_BULK_REPLAY, task.Task, "task")
			w.finished(task.Id, 2, 1)
			same(chosen, w.arrived("bulk", 3+i)[2+i].header().Get("webhook-id"), "webhook-id")
		}
		task := got(w.Endpoint.BulkReplay(w.ctx, app, at, models.BulkReplayIn{Since: began, Status: new(models.MESSAGESTATUS_FAIL)}, nil))
		w.finished(task.Id, 2, 0)
		must(w.Application.Delete(w.ctx, app))
	})
}

func health(w *world) {
	w.step("health", func() { must(w.Health.Get(w.ctx)) })
}
