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

// finished follows a task to its end. It has to look at so many, and to send so
// many of them.
func (w *world) finished(task string, total, sent float64) {
	until(fmt.Sprintf("task %s is finished", task), func() bool {
		t := got(w.BackgroundTask.Get(w.ctx, task))
		same[any](total, t.Data["total"], "total")
		check(t.Data["done"].(float64) <= total, "more is done than there is")
		if t.Status != models.BACKGROUNDTASKSTATUS_FINISHED {
			return false
		}
		same[any](total, t.Data["done"], "done")
		same[any](sent, t.Data["messagesSent"], "messages sent")
		return true
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
