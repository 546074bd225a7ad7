package ingest

import (
	"errors"
	"flag"
	"fmt"
	"net/http"

	"github.com/rs/zerolog"

	"github.com/postrider/postrider/ingest/portal"
	"github.com/postrider/postrider/ingest/portal/web"
)

// Pages is the settings of the portal and the console.
type Pages struct {
	On      bool
	Parents string
}

func (p *Pages) flags(fs *flag.FlagSet) {
	fs.BoolVar(&p.On, "portal", true, "serve the portal of applications and the operator's console; false for neither")
	fs.StringVar(&p.Parents, "portal-parents", "", "`origins`, joined by commas, of pages that may show the portal in a frame; empty for none")
}

func (p *Pages) validate() error {
	var faults []error
	for _, origin := range split(p.Parents) {
		if origin == "*" || !isOrigin(origin) {
			faults = append(faults, fmt.Errorf("portal-parents: %q must be like https://app.example.com", origin))
		}
	}
	return errors.Join(faults...)
}

// before puts the pages before the API that they are clients of.
func (p *Pages) before(api http.Handler, log zerolog.Logger, stopping <-chan struct{}) (http.Handler, error) {
	if !p.On {
		return api, nil
	}
	return portal.New(web.Config{API: api, Parents: split(p.Parents), Stopping: stopping, Log: log})
}
