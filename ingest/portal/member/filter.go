package member

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
)

// filter is what a list is to be of: the fields above it, filled in. They have the names
// that the API has for them.
type filter struct {
	web.Form

	Types     []string // those of the catalogue, to choose from
	Endpoints []choice
	Fault     string // why nothing could be looked for; empty: it could

	names []string
}

// filterOf reads the fields of these names from the address.
func filterOf(v *web.Visit, names ...string) filter {
	query := v.Query()
	for name, values := range query {
		if trimmed := strings.TrimSpace(values[0]); trimmed == "" {
			query.Del(name)
		} else {
			query.Set(name, trimmed)
		}
	}
	return filter{Form: web.Form{Values: query}, names: names}
}

// Given reports whether anything is asked for: else an empty list says that there is
// nothing at all.
func (f filter) Given() bool { return slices.ContainsFunc(f.names, f.Values.Has) }

// asked is the filter as the API wants it, and where in the list.
func (f filter) asked() url.Values {
	asked := url.Values{}
	for _, name := range append([]string{"iterator", "limit"}, f.names...) {
		if f.Values.Has(name) {
			asked.Set(name, instant(f.Value(name)))
		}
	}
	return asked
}

// refused takes what the API found wrong with a filter into it, and reports whether that
// was it. Such an error is no page of its own: what was filled in can be put right.
func (f *filter) refused(err error) bool {
	p, ok := errors.AsType[*client.Problem](err)
	if !ok || p.Status != http.StatusBadRequest && p.Status != http.StatusUnprocessableEntity {
		return false
	}
	f.Fault = p.Summary()
	return true
}

// options are the choices of a field, of values and labels by turns.
func (f filter) options(name string, of ...string) []choice {
	choices := make([]choice, 0, len(of)/2)
	for i := 0; i+1 < len(of); i += 2 {
		choices = append(choices, choice{Value: of[i], Label: of[i+1], Chosen: f.Value(name) == of[i]})
	}
	return choices
}

// selection is a field with a few values.
type selection struct {
	Name, Label string
	Choices     []choice
}

// Select is such a field of the filter.
func (f filter) Select(name, label string, choices []choice) selection {
	return selection{name, label, choices}
}

// Codes are the classes of answers to choose from.
func (f filter) Codes() []choice {
	return f.options("status_code_class", "", "any", "200", "2xx: taken", "300", "3xx: redirect", "400", "4xx: refused", "500", "5xx: out of order", "0", "no answer")
}

// choices fills in what there is to choose from: the event types and the endpoints.
func (f *filter) choices(v *web.Visit) error {
	types, err := v.API.EventTypes(v.Context(), url.Values{"limit": {typesPage}, "order": {"ascending"}})
	if err != nil {
		return err
	}
	for _, t := range types.Data {
		f.Types = append(f.Types, t.Name)
	}
	urls, err := endpointURLs(v)
	if err != nil {
		return err
	}
	f.Endpoints = []choice{{Label: "any"}}
	for _, e := range urls.list {
		f.Endpoints = append(f.Endpoints, choice{Value: e.ID, Label: e.URL, Chosen: f.Value("endpoint_id") == e.ID})
	}
	return nil
}

// addresses are the URLs of endpoints by their ids.
type addresses struct {
	list []client.Endpoint
	of   map[string]string
}

// endpointURLs are those of the newest endpoints; lists name others by their ids.
func endpointURLs(v *web.Visit) (addresses, error) {
	page, err := v.API.Endpoints(v.Context(), v.App, url.Values{"limit": {"250"}, "order": {"descending"}})
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

// instant is a time as the API wants it, of what browsers make of a field for one,
// which has no zone: it is UTC, as all times are shown. Whatever else it is is left to
// the API to refuse.
func instant(text string) string {
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.Format(time.RFC3339)
		}
	}
	return text
}
