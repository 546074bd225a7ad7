package member

import (
	"net/url"

	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
)

func endpointSecretRoutes() []web.Route {
	return []web.Route{
		web.Get("/endpoints/{endpoint}/secret", showSecret),
		web.Post("/endpoints/{endpoint}/secret", revealSecret),
		web.Get("/endpoints/{endpoint}/rotate", showRotate),
		web.Post("/endpoints/{endpoint}/rotate", rotateSecret),
	}
}

// secretView is the secret of an endpoint, shown or not.
type secretView struct {
	client.Endpoint

	Secret string // empty: not shown
}

// showSecret is the page with the secret hidden: it is shown to who asks for it, and
// then in an answer that no address leads back to.
func showSecret(v *web.Visit) error {
	e, err := v.API.Endpoint(v.Context(), v.App, v.Value("endpoint"))
	if err != nil {
		return err
	}
	return v.Render("secret", secretView{Endpoint: e})
}

func revealSecret(v *web.Visit) error {
	e, err := v.API.Endpoint(v.Context(), v.App, v.Value("endpoint"))
	if err != nil {
		return err
	}
	key, err := v.API.Secret(v.Context(), v.App, e.ID)
	if err != nil {
		return err
	}
	return v.Render("secret", secretView{Endpoint: e, Secret: key})
}

// rotateView is the form that makes another secret.
type rotateView struct {
	client.Endpoint

	Form   web.Form
	Graces []web.Choice
}

func showRotate(v *web.Visit) error {
	return rotateForm(v, web.Form{Values: url.Values{"gracePeriodSeconds": {"86400"}}}, v.Render)
}

func rotateForm(v *web.Visit, form web.Form, show func(string, any) error) error {
	e, err := v.API.Endpoint(v.Context(), v.App, v.Value("endpoint"))
	if err != nil {
		return err
	}
	graces := form.Options("gracePeriodSeconds",
		"3600", "1 hour", "86400", "1 day", "604800", "7 days", "0", "not at all: the old secret is known to somebody")
	return show("rotate", rotateView{Endpoint: e, Form: form, Graces: graces})
}

func rotateSecret(v *web.Visit) error {
	form, id := v.Form(), v.Value("endpoint")
	fields := map[string]any{"gracePeriodSeconds": form.Number("gracePeriodSeconds")}
	if key := form.Value("key"); key != "" {
		fields["key"] = key
	}
	err := v.API.RotateSecret(v.Context(), v.App, id, fields)
	if form.Refused(err, "") {
		return rotateForm(v, form, v.Refuse)
	}
	if err != nil {
		return err
	}
	return v.Redirect(endpointPath(id, "secret"), "There is a new secret. Show it here, and give it to your receiver.")
}
