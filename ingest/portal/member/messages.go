package member

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
)

const messagesPath = "/portal/messages"

func messageRoutes() []web.Route {
	return slices.Concat(
		[]web.Route{
			web.Get("/messages", listMessages),
			web.Get("/messages/{message}", showMessage),
			web.Get("/messages/{message}/live", followMessage),
			web.Post("/messages/{message}/resend", resendMessage),
			web.Get("/messages/{message}/attempts/{attempt}", showAttempt),
			web.Get("/endpoints/{endpoint}/attempts", listAttempts),
		},
		replayRoutes(),
		letterRoutes(),
		jobRoutes(),
	)
}

// messagePath is the page of a message, or one below it.
func messagePath(id string, below ...string) string {
	return client.Path(append([]string{"portal", "messages", id}, below...)...)
}

// messagesView is the list of the messages.
type messagesView struct {
	Filter filter
	Rows   []messageRow
	Pages  web.Pages
}

// messageRow is one of them.
type messageRow struct {
	client.Message

	State web.State
}

// messageState is what became of a message: the worst of it, where endpoints differ.
func messageState(d *client.Deliveries) web.State {
	switch {
	case d == nil || *d == client.Deliveries{}:
		return web.Off("Not tried yet")
	case d.Fail > 0:
		return web.Bad("Given up" + at(d.Fail, d))
	case d.Sending > 0:
		return web.Warn("To be tried again" + at(d.Sending, d))
	default:
		return web.Good("Delivered")
	}
}

// at says of how many endpoints something is true, where it is not true of all.
func at(n int, d *client.Deliveries) string {
	if all := d.Success + d.Sending + d.Fail; n < all {
		return fmt.Sprintf(" at %d of %d", n, all)
	}
	return ""
}

// listMessages finds messages: one by its name, or all that the filter lets through.
func listMessages(v *web.Visit) error {
	f, err := filterOf(v, "endpoint_id", "status", "status_code_class", "event_types", "channel", "tag", "after", "before")
	if err != nil {
		return err
	}
	if id := f.Value("id"); id != "" {
		m, err := v.API.Message(v.Context(), v.App, id)
		switch {
		case err == nil:
			return v.Redirect(messagePath(m.ID), "")
		case client.Is(err, http.StatusNotFound):
			f.Wrong = "There is no message with this id or event id."
			return v.Refuse("messages", messagesView{Filter: f})
		default:
			return err
		}
	}
	query := f.Asked()
	query.Set("with_content", "false")
	query.Set("with_deliveries", "true")
	list, err := v.API.Messages(v.Context(), v.App, query)
	if f.Refused(err) {
		return v.Refuse("messages", messagesView{Filter: f})
	}
	if err != nil {
		return err
	}
	view := messagesView{Filter: f, Pages: web.PagesOf(list, messagesPath, f.Values)}
	for _, m := range list.Data {
		view.Rows = append(view.Rows, messageRow{m, messageState(m.Deliveries)})
	}
	return v.Render("messages", view)
}

// States are the states of a delivery to choose from.
func (v messagesView) States() []web.Choice {
	return v.Filter.Options("status", "", "any", "0", "delivered", "3", "to be tried again", "2", "given up", "1", "not tried yet")
}
