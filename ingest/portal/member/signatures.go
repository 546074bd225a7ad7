package member

import (
	"embed"
	"strings"

	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
)

// codeFiles are what a receiver checks signatures with, in several languages. The tests
// run them.
//
//go:embed code
var codeFiles embed.FS

// codeSecret stands where the secret goes.
const codeSecret = "whsec_..."

func signatureRoutes() []web.Route {
	return []web.Route{
		web.Get("/endpoints/{endpoint}/signatures", showSignatures),
		web.Post("/endpoints/{endpoint}/signatures", revealSignatures),
	}
}

// signaturesView is how the signatures of an endpoint are checked.
type signaturesView struct {
	client.Endpoint

	Code   []code
	Secret string // empty: not shown
	Pair   bool   // whether it is the public half of a pair of keys
}

// code is a function in a language.
type code struct{ Name, Language, Text string }

// Tabs are the other pages about the endpoint.
func (v signaturesView) Tabs() []tab { return endpointTabs(v.ID, "Signatures") }

// showSignatures is the page without the secret, as showSecret.
func showSignatures(v *web.Visit) error {
	e, err := v.API.Endpoint(v.Context(), v.App, v.Value("endpoint"))
	if err != nil {
		return err
	}
	return signaturesPage(v, signaturesView{Endpoint: e})
}

func revealSignatures(v *web.Visit) error {
	e, err := v.API.Endpoint(v.Context(), v.App, v.Value("endpoint"))
	if err != nil {
		return err
	}
	key, err := v.API.Secret(v.Context(), v.App, e.ID)
	if err != nil {
		return err
	}
	return signaturesPage(v, signaturesView{Endpoint: e, Secret: key, Pair: !strings.HasPrefix(key, "whsec_")})
}

func signaturesPage(v *web.Visit, view signaturesView) error {
	for _, c := range []code{{Name: "go", Language: "Go"}, {Name: "node", Language: "Node.js"}, {Name: "python", Language: "Python"}, {Name: "ruby", Language: "Ruby"}, {Name: "php", Language: "PHP"}} {
		text, err := codeFiles.ReadFile("code/" + c.Name + ".txt")
		if err != nil {
			return err
		}
		c.Text = string(text)
		if view.Secret != "" {
			c.Text = strings.Replace(c.Text, codeSecret, view.Secret, 1)
		}
		view.Code = append(view.Code, c)
	}
	return v.Render("signatures", view)
}
