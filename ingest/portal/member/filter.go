package member

import (
	"context"
	"net/url"

	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
)

// filter is what a list of messages is to be of, with what there is to choose from.
type filter struct {
	web.Filter

	Types     []string // those of the catalogue
	Endpoints []web.Choice
}

// filterOf reads the fields of these names from the address.
func filterOf(v *web.Visit, names ...string) (filter, error) {
	f := filter{Filter: v.Filter(names...)}
	types, err := v.API.EventTypes(v.Context(), url.Values{"limit": {typesPage}, "order": {"ascending"}})
	if err != nil {
		return f, err
	}
	for _, t := range types.Data {
		f.Types = append(f.Types, t.Name)
	}
	urls, err := endpointURLs(v.Context(), v)
	if err != nil {
		return f, err
	}
	f.Endpoints = f.Options("endpoint_id", "", "any")
	for _, e := range urls.list {
		f.Endpoints = append(f.Endpoints, f.Options("endpoint_id", e.ID, e.URL)...)
	}
	return f, nil
}

// Codes are the classes of answers to choose from.
func (f filter) Codes() []web.Choice {
	return f.Options("status_code_class", "", "any", "200", "2xx: taken", "300", "3xx: redirect", "400", "4xx: refused", "500", "5xx: out of order", "0", "no answer")
}

// addresses are the URLs of endpoints by their ids.
type addresses struct {
	list []client.Endpoint
	of   map[string]string
}

// endpointURLs are those of the newest endpoints; lists name others by their ids.
func endpointURLs(ctx context.Context, v *web.Visit) (addresses, error) {
	page, err := v.API.Endpoints(ctx, v.App, url.Values{"limit": {"250"}, "order": {"descending"}})
	if err != nil {
		return addresses{}, err
	}
	a := addresses{list: page.Data, of: make(map[string]string, len(page.Data))}
	for _, e := range page.Data {
		a.of[e.ID] = e.URL
	}
	return a, nil
}

// name is what an endpoint is shown as: its URL, or its id where that is not known.
func (a addresses) name(id string) string {
	if known := a.of[id]; known != "" {
		return known
	}
	return id
}
