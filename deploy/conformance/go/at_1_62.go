//go:build svix_1_62_0

package main

import "github.com/svix/svix-webhooks/go/models"

// newer is what this version has and older ones do not.
var newer []func(*world)

// sendsTimes says whether the library can: this version refuses a time as a
// query parameter.
const sendsTimes = false

func (w *world) rotate(app, endpoint string, key *string) {
	must(w.Endpoint.RotateSecret(w.ctx, app, endpoint, models.EndpointSecretRotateIn{Key: key}, nil))
}

func (w *world) resend(app, message, endpoint string) error {
	return w.MessageAttempt.Resend(w.ctx, app, message, endpoint, nil)
}

// finished does nothing: this version cannot ask for a task. What the task does
// is awaited where it arrives.
func (*world) finished(_ string, _, _ float64) {}

func (w *world) attempt(app, message, attempt string) (*models.MessageAttemptOut, error) {
	return w.MessageAttempt.Get(w.ctx, app, message, attempt)
}
