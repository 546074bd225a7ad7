package member

import (
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
	Rows   []client.Message
	Pages  web.Pages
}

// listMessages finds messages: one by its name, or all that the filter lets through.
func listMessages(v *web.Visit) error {
	f := filterOf(v, "event_types", "channel", "tag", "after", "before")
	if id := f.Value("id"); id != "" {
		m, err := v.API.Message(v.Context(), v.App, id)
		switch {
		case err == nil:
			return v.Redirect(messagePath(m.ID), "")
		case client.Is(err, http.StatusNotFound):
			f.Fault = "There is no message with this id or event id."
			return showMessages(v, messagesView{Filter: f}, v.Refuse)
		default:
			return err
		}
	}
	query := f.asked()
	query.Set("with_content", "false")
	list, err := v.API.Messages(v.Context(), v.App, query)
	if f.refused(err) {
		return showMessages(v, messagesView{Filter: f}, v.Refuse)
	}
	if err != nil {
		return err
	}
	return showMessages(v, messagesView{f, list.Data, web.PagesOf(list, messagesPath, f.Values)}, v.Render)
}

func showMessages(v *web.Visit, view messagesView, show func(string, any) error) error {
	if err := view.Filter.choices(v); err != nil {
		return err
	}
	return show("messages", view)
}
