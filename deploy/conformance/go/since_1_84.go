//go:build !svix_1_62_0

package main

import (
	"fmt"

	"github.com/svix/svix-webhooks/go/models"
)

var since184 = []func(*world){deleteHeaders}

// sendsTimes says whether the library can, as a query parameter.
const sendsTimes = true

func (w *world) resend(app, message, endpoint string) error {
	_, err := w.MessageAttempt.Resend(w.ctx, app, message, endpoint, nil)
	return err
}

// finished follows a task to its end.
func (w *world) finished(task string) {
	until(fmt.Sprintf("task %s is finished", task), func() bool {
		return got(w.BackgroundTask.Get(w.ctx, task)).Status == models.BACKGROUNDTASKSTATUS_FINISHED
	})
}

func deleteHeaders(w *world) {
	app := w.application("delete-headers")
	w.step("headers: delete", func() {
		got(w.Endpoint.Create(w.ctx, app, models.EndpointIn{Url: w.hook("x"), Uid: new("h")}, nil))
		must(w.Endpoint.UpdateHeaders(w.ctx, app, "h", models.EndpointHeadersIn{Headers: map[string]string{"X-One": "1", "X-Two": "2"}}))
		must(w.Endpoint.PatchHeaders(w.ctx, app, "h", models.EndpointHeadersPatchIn{Headers: map[string]string{}, DeleteHeaders: []string{"X-One"}}))
		h := got(w.Endpoint.GetHeaders(w.ctx, app, "h"))
		same(1, len(h.Headers), "headers")
		same("2", h.Headers["X-Two"], "X-Two")
		must(w.Application.Delete(w.ctx, app))
	})
}
