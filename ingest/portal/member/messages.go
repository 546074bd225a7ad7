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
	f, err := filterOf(v, "event_types", "channel", "tag", "after", "before")
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
	list, err := v.API.Messages(v.Context(), v.App, query)
	if f.Refused(err) {
		return v.Refuse("messages", messagesView{Filter: f})
	}
	if err != nil {
		return err
	}
	return v.Render("messages", messagesView{f, list.Data, web.PagesOf(list, messagesPath, f.Values)})
}
