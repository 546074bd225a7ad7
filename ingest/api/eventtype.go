package api

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/postrider/postrider/shared/store"
)

const maxTypeFlags = 20

func eventTypeRoutes() []route {
	return []route{
		{"GET", "/event-type", forMembers, (*call).listEventTypes},
		{"POST", "/event-type", forOperators, (*call).createEventType},
		{"GET", "/event-type/{name}", forMembers, (*call).getEventType},
		{"PUT", "/event-type/{name}", forOperators, (*call).putEventType},
		{"PATCH", "/event-type/{name}", forOperators, (*call).patchEventType},
		{"DELETE", "/event-type/{name}", forOperators, (*call).deleteEventType},
	}
}

// eventType is an event type as clients see it.
type eventType struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Archived    bool            `json:"archived"`
	Deprecated  bool            `json:"deprecated"`
	Schemas     json.RawMessage `json:"schemas"`

	FeatureFlags []string `json:"featureFlags"`
	FeatureFlag  *string  `json:"featureFlag"` // the older name: the first of them
	GroupName    *string  `json:"groupName"`

	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
}

func showEventType(t *store.EventType) eventType {
	shown := eventType{
		Name: t.Name, Description: t.Description, Archived: t.Archived, Deprecated: t.Deprecated, Schemas: t.Schemas,
		FeatureFlags: t.FeatureFlags, GroupName: none(t.Group), CreatedAt: t.CreatedAt.UTC(), UpdatedAt: t.UpdatedAt.UTC(),
	}
	if len(t.FeatureFlags) > 0 {
		shown.FeatureFlag = &t.FeatureFlags[0]
	}
	return shown
}

// eventType reads all of an event type but its name into t.
func (f *form) eventType(t *store.EventType) error {
	f.require("description")
	f.text("description", &t.Description)
	member(f, "archived", &t.Archived)
	member(f, "deprecated", &t.Deprecated)
	f.schemas(&t.Schemas)
	f.typeFlags(&t.FeatureFlags)
	if clearable(f, "groupName", &t.Group) {
		f.name("groupName", t.Group)
	}
	return f.err()
}

// typeFlags reads the flags of which an application needs one to see the event
// type, or the one flag that older clients know.
func (f *form) typeFlags(target *[]string) {
	for _, field := range f.either("featureFlags", "featureFlag") {
		if field == "featureFlags" {
			f.names(field, maxTypeFlags, target)
			continue
		}
		var flag string
		*target = nil
		if clearable(f, field, &flag) {
			f.name(field, flag)
			*target = []string{flag}
		}
	}
}

// schemas reads a map of versions to JSON schemas, each an object or, as JSON
// Schema has it, true or false.
func (f *form) schemas(target *json.RawMessage) {
	const field = "schemas"
	raw, named := f.members[field]
	if !named {
		return
	}
	if isNull(raw) {
		*target = nil
		return
	}
	versions, err := members(raw)
	if err != nil {
		f.refuse(field, err.Error())
		return
	}
	for version, schema := range versions {
		if fault := schemaFault(schema); fault != "" || hasControl(version) {
			f.refuse(field, cmp.Or(fault, "must not contain control characters")+": "+strconv.Quote(version))
			return
		}
	}
	*target = raw
}

// nameOf reads the event type's name in the path.
func nameOf(r *http.Request) (string, error) {
	name := r.PathValue("name")
	if !isName(name) {
		return "", notFound()
	}
	return name, nil
}

// listEventTypes lists by name. A name that begins with the sign that leads back
// is led by "=" in an iterator.
func (c *call) listEventTypes(r *http.Request) (reply, error) {
	p := readParams(r)
	page := store.Page[string]{Limit: p.limit(), Ascending: p.ascending(true)} // by name
	iterator := p.values.Get("iterator")
	page.From, page.Back = strings.CutPrefix(iterator, "-")
	page.From = strings.TrimPrefix(page.From, "=")
	if iterator != "" && !isName(page.From) {
		p.refuse("iterator", "is not one of this list")
	}
	filter := c.caller.sight()
	filter.Archived = p.flag("include_archived", false)
	content := p.flag("with_content", false)
	if err := p.err(); err != nil {
		return reply{}, err
	}
	types, more, err := c.Store.EventTypes(r.Context(), filter, page)
	if err != nil {
		return reply{}, err
	}
	show := func(t *store.EventType) eventType {
		shown := showEventType(t)
		if !content {
			shown.Schemas = nil
		}
		return shown
	}
	return listOf(types, more, show, func(t *store.EventType) string {
		if strings.HasPrefix(t.Name, "-") {
			return "=" + t.Name
		}
		return t.Name
	}), nil
}

func (c *call) createEventType(r *http.Request) (reply, error) {
	f, err := readForm(r)
	if err != nil {
		return reply{}, err
	}
	var t store.EventType
	f.require("name")
	if member(f, "name", &t.Name) {
		f.name("name", t.Name)
	}
	if err := f.eventType(&t); err != nil {
		return reply{}, err
	}
	return c.newEventType(r, &t)
}

func (c *call) newEventType(r *http.Request, t *store.EventType) (reply, error) {
	err := c.Store.CreateEventType(r.Context(), t)
	if errors.Is(err, store.ErrConflict) {
		return reply{}, conflict("event_type_exists", "An event type with this name already exists")
	}
	if err != nil {
		return reply{}, err
	}
	return created(showEventType(t)), nil
}

func (c *call) getEventType(r *http.Request) (reply, error) {
	name, err := nameOf(r)
	if err != nil {
		return reply{}, err
	}
	t, err := c.visibleType(r, name)
	if err != nil {
		return reply{}, err
	}
	return ok(showEventType(t)), nil
}

// visibleType is the event type of that name, if the caller may know of it.
func (c *call) visibleType(r *http.Request, name string) (*store.EventType, error) {
	t, err := c.Store.EventType(r.Context(), name)
	if err != nil {
		return nil, err
	}
	if !c.caller.sees(t) {
		return nil, notFound()
	}
	return t, nil
}

// putEventType replaces an event type or makes one.
func (c *call) putEventType(r *http.Request) (reply, error) {
	f, err := readForm(r)
	if err != nil {
		return reply{}, err
	}
	name := r.PathValue("name")
	if !isName(name) {
		return reply{}, unprocessable(invalid{Loc: []string{"path", "name"}, Msg: "is not a name", Type: typeValue})
	}
	fresh := store.EventType{Name: name}
	if err := f.eventType(&fresh); err != nil {
		return reply{}, err
	}
	changed, err := c.Store.ChangeEventType(r.Context(), name, func(t *store.EventType) error {
		*t = store.EventType{Name: t.Name, CreatedAt: t.CreatedAt}
		return f.eventType(t)
	})
	if errors.Is(err, store.ErrNotFound) {
		return c.newEventType(r, &fresh)
	}
	if err != nil {
		return reply{}, err
	}
	return ok(showEventType(changed)), nil
}

func (c *call) patchEventType(r *http.Request) (reply, error) {
	f, err := readPatch(r)
	if err != nil {
		return reply{}, err
	}
	if err := f.eventType(new(store.EventType)); err != nil {
		return reply{}, err
	}
	name, err := nameOf(r)
	if err != nil {
		return reply{}, err
	}
	changed, err := c.Store.ChangeEventType(r.Context(), name, f.eventType)
	if err != nil {
		return reply{}, err
	}
	return ok(showEventType(changed)), nil
}

// deleteEventType archives an event type, and with expunge forgets it.
func (c *call) deleteEventType(r *http.Request) (reply, error) {
	p := readParams(r)
	expunge := p.flag("expunge", false)
	if err := p.err(); err != nil {
		return reply{}, err
	}
	name, err := nameOf(r)
	if err != nil {
		return reply{}, err
	}
	if expunge {
		return done(), c.Store.DeleteEventType(r.Context(), name)
	}
	return done(), c.Store.ArchiveEventType(r.Context(), name)
}
