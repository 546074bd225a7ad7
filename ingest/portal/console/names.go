package console

import (
	"context"

	"github.com/postrider/postrider/ingest/portal/client"
)

// mostNames is of how many a page asks what they are called. Others are shown by id.
const mostNames = 60

// names are what applications and endpoints are called. The parts of the API that tell
// what the pipeline does know their ids only, since they do not ask the database.
type names struct {
	ctx   context.Context //nolint:containedctx // lives as long as the making of one page
	api   *client.Client
	known map[string]string
	tired bool // no more is asked: it was enough, or the API does not answer
}

func newNames(ctx context.Context, api *client.Client) *names {
	return &names{ctx: ctx, api: api, known: make(map[string]string)}
}

// Application is the name of an application; its id where that is not known.
func (n *names) Application(id string) string {
	return n.name(id, func() (string, error) {
		app, err := n.api.Application(n.ctx, id)
		return app.Name, err
	})
}

// Endpoint is the URL of an endpoint; its id where that is not known.
func (n *names) Endpoint(app, id string) string {
	return n.name(id, func() (string, error) {
		e, err := n.api.Endpoint(n.ctx, app, id)
		return e.URL, err
	})
}

func (n *names) name(id string, ask func() (string, error)) string {
	if name, there := n.known[id]; there {
		return name
	}
	if n.tired {
		return id
	}
	name, err := ask()
	if err != nil || name == "" {
		name = id // deleted meanwhile, or not to be known at the moment
	}
	n.known[id] = name
	n.tired = len(n.known) >= mostNames || err != nil && !client.Is(err, 404)
	return name
}
