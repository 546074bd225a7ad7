//go:build !svix_1_62_0 && !svix_1_84_0

package main

import "github.com/svix/svix-webhooks/go/models"

// newer is what this version has and older ones do not.
var newer = append(since184, precheck, health)

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

func health(w *world) {
	w.step("health", func() { must(w.Health.Get(w.ctx)) })
}
