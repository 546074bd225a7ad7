//go:build svix_1_84_0

package main

import "github.com/svix/svix-webhooks/go/models"

// newer is what this version has and older ones do not.
var newer = since184

func (w *world) rotate(app, endpoint string, key *string) {
	must(w.Endpoint.RotateSecret(w.ctx, app, endpoint, models.EndpointSecretRotateIn{Key: key}, nil))
}

func (w *world) attempt(app, message, attempt string) (*models.MessageAttemptOut, error) {
	return w.MessageAttempt.Get(w.ctx, app, message, attempt)
}
