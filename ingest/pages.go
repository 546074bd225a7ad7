package ingest

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"

	"github.com/rs/zerolog"

	"github.com/postrider/postrider/ingest/portal"
	"github.com/postrider/postrider/ingest/portal/web"
)

// Pages is the settings of the portal and the console.
type Pages struct {
	On      bool
	Parents string
	Title   string
	Logo    string
	Theme   string
}

func (p *Pages) flags(fs *flag.FlagSet) {
	fs.BoolVar(&p.On, "portal", true, "serve the portal of applications and the operator's console; false for neither")
	fs.StringVar(&p.Parents, "portal-parents", "", "`origins`, joined by commas, of pages that may show the portal in a frame; empty for none")
	fs.StringVar(&p.Title, "portal-title", "", "what the portal is called; empty for Webhooks")
	fs.StringVar(&p.Logo, "portal-logo", "", "`file` with the logo of portal and console, SVG or PNG; empty for the program's own")
	fs.StringVar(&p.Theme, "portal-theme", "", "`variables` of the stylesheet, joined by commas, such as accent=#0a7f5a,radius=4px; empty for the program's own")
}

func (p *Pages) validate() error {
	var faults []error
	for _, origin := range split(p.Parents) {
		if origin == "*" || !isOrigin(origin) {
			faults = append(faults, fmt.Errorf("portal-parents: %q must be like https://app.example.com", origin))
		}
	}
	if _, err := web.NewTheme(split(p.Theme)); err != nil {
		faults = append(faults, fmt.Errorf("portal-theme: %w", err))
	}
	return errors.Join(faults...)
}

// brand is how the pages are to look.
func (p *Pages) brand() (web.Brand, error) {
	theme, err := web.NewTheme(split(p.Theme))
	if err != nil {
		return web.Brand{}, fmt.Errorf("portal-theme: %w", err)
	}
	b := web.Brand{Title: p.Title, Theme: theme}
	if p.Logo == "" {
		return b, nil
	}
	file, err := os.ReadFile(p.Logo)
	if err != nil {
		return web.Brand{}, fmt.Errorf("read portal-logo: %w", err)
	}
	if b.Logo, err = web.NewLogo(file); err != nil {
		return web.Brand{}, fmt.Errorf("portal-logo: %w", err)
	}
	return b, nil
}

// before puts the pages before the API that they are clients of.
func (p *Pages) before(api http.Handler, log zerolog.Logger, stopping <-chan struct{}) (http.Handler, error) {
	if !p.On {
		return api, nil
	}
	brand, err := p.brand()
	if err != nil {
		return nil, err
	}
	return portal.New(web.Config{API: api, Parents: split(p.Parents), Brand: brand, Stopping: stopping, Log: log})
}
