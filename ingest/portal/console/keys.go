package console

import (
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
)

const keysPath = "/console/keys"

func keyRoutes() []web.Route {
	return []web.Route{
		web.Get("/keys", listKeys),
		web.Get("/keys/new", newKey),
		web.Post("/keys/new", createKey),
		web.Get("/keys/{key}/delete", confirmDeleteKey),
		web.Post("/keys/{key}/delete", deleteKey),
	}
}

func keyPath(id string, below ...string) string {
	return client.Path(append([]string{"console", "keys", id}, below...)...)
}

// keysView is the list of the keys.
type keysView struct {
	Rows  []keyRow
	Pages web.Pages
}

type keyRow struct {
	client.APIKey

	Ended bool
}

func listKeys(v *web.Visit) error {
	query := v.Query()
	list, err := v.API.APIKeys(v.Context(), query)
	if err != nil {
		return err
	}
	view := keysView{Pages: web.PagesOf(list, keysPath, query)}
	for _, k := range list.Data {
		view.Rows = append(view.Rows, keyRow{k, k.ExpiresAt != nil && !k.ExpiresAt.After(time.Now())})
	}
	return v.Render("keys", view)
}

// keyFormView is the form of a new key.
type keyFormView struct {
	Form   web.Form
	Scopes []scope
	Lives  []web.Choice
}

// scope is what a key can be good for.
type scope struct {
	Name, Help string
	Chosen     bool
}

func showKeyForm(form web.Form, show func(string, any) error) error {
	view := keyFormView{Form: form, Scopes: []scope{
		{Name: "publish", Help: "post messages, and ask whether anybody wants them"},
		{Name: "read", Help: "see everything but signing keys"},
		{Name: "manage", Help: "do everything but with API keys"},
		{Name: "admin", Help: "do everything"},
	}}
	for i, s := range view.Scopes {
		view.Scopes[i].Chosen = slices.Contains(form.Values["scopes"], s.Name)
	}
	for _, life := range []web.Choice{{Value: "", Label: "never"}, {Value: "30", Label: "in 30 days"}, {Value: "90", Label: "in 90 days"}, {Value: "365", Label: "in a year"}} {
		life.Chosen = form.Value("expiresAt") == life.Value
		view.Lives = append(view.Lives, life)
	}
	return show("keyform", view)
}

func newKey(v *web.Visit) error { return showKeyForm(web.Form{Values: url.Values{}}, v.Render) }

// keyView is a new key, whose text is shown this once.
type keyView struct {
	client.APIKey

	Token string
}

// createKey shows the key in its answer: there is no page that could be led to, since
// nothing ever tells it again.
func createKey(v *web.Visit) error {
	form := v.Form()
	fields := map[string]any{"name": form.Value("name"), "scopes": append([]string{}, form.Values["scopes"]...)}
	if days, err := strconv.Atoi(form.Value("expiresAt")); err == nil {
		fields["expiresAt"] = time.Now().UTC().AddDate(0, 0, days)
	}
	key, token, err := v.API.CreateAPIKey(v.Context(), fields)
	if form.Refused(err, "") {
		return showKeyForm(form, v.Refuse)
	}
	if err != nil {
		return err
	}
	return v.Render("key", keyView{key, token})
}

func confirmDeleteKey(v *web.Visit) error {
	k, err := v.API.APIKey(v.Context(), v.Value("key"))
	if err != nil {
		return err
	}
	return v.Confirm(web.Confirm{
		Title: "Delete this API key?",
		Says: []string{
			k.Name,
			"Programs that use it are refused, by every process within five seconds. This cannot be taken back.",
		},
		Action: keyPath(k.ID, "delete"), Button: "Delete key", Back: keysPath, Danger: true,
	})
}

func deleteKey(v *web.Visit) error {
	if err := v.API.DeleteAPIKey(v.Context(), v.Value("key")); err != nil {
		return err
	}
	return v.Redirect(keysPath, "The key was deleted.")
}
