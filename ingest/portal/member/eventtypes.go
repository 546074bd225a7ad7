package member

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
)

const eventTypesPath = "/portal/event-types"

func eventTypeRoutes() []web.Route {
	return []web.Route{
		web.Get("/event-types", listEventTypes),
		web.Get("/event-types/{type}", showEventType),
	}
}

// eventTypesView is the catalogue.
type eventTypesView struct {
	Rows  []client.EventType
	Pages web.Pages
}

func listEventTypes(v *web.Visit) error {
	query := v.Query()
	list, err := v.API.EventTypes(v.Context(), query)
	if err != nil {
		return err
	}
	return v.Render("eventtypes", eventTypesView{list.Data, web.PagesOf(list, eventTypesPath, query)})
}

// eventTypeView is one type of the catalogue.
type eventTypeView struct {
	client.EventType

	Versions []version // newest first
	Examples []string
}

// version is what payloads look like in one version.
type version struct {
	Name   string
	Fields []field
	Schema string // all of it, as JSON
}

func showEventType(v *web.Visit) error {
	t, err := v.API.EventType(v.Context(), v.Value("type"))
	if err != nil {
		return err
	}
	view := eventTypeView{EventType: t, Versions: versionsOf(t.Schemas)}
	payloads, err := v.API.Examples(v.Context(), t.Name)
	if err != nil {
		return err
	}
	for _, payload := range payloads[:min(len(payloads), tryExamples)] {
		view.Examples = append(view.Examples, indented(payload))
	}
	return v.Render("eventtype", view)
}

// versionsOf reads the schemas of a type.
func versionsOf(schemas json.RawMessage) []version {
	var all map[string]json.RawMessage
	if json.Unmarshal(schemas, &all) != nil {
		return nil // there are none
	}
	names := slices.SortedFunc(maps.Keys(all), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(b, a)) // 10 is newer than 9
	})
	versions := make([]version, len(names))
	for i, name := range names {
		versions[i] = version{Name: name, Fields: fieldsOf(all[name]), Schema: indented(all[name])}
	}
	return versions
}
