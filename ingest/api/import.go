package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/postrider/postrider/shared/store"
)

// maxNodes bounds a document in YAML, in which a few bytes can stand for a great
// many.
const maxNodes = 200_000

func importRoutes() []route {
	return []route{{"POST", "/event-type/import/openapi", forOperators, (*call).importOpenAPI}}
}

// imported is an event type that an import would make or change.
type imported struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Deprecated  bool            `json:"deprecated"`
	Schemas     json.RawMessage `json:"schemas"`
}

type importResult struct {
	Modified []string   `json:"modified"`
	ToModify []imported `json:"to_modify"` // null unless nothing was done
}

// importOpenAPI makes event types of the webhooks of an OpenAPI document.
func (c *call) importOpenAPI(r *http.Request) (reply, error) {
	f, err := readForm(r)
	if err != nil {
		return reply{}, err
	}
	if f.given("spec") == f.given("specRaw") {
		return reply{}, badRequest("bad_request", "Either spec or specRaw must be given, and not both")
	}
	var dryRun, replaceAll bool
	member(f, "dryRun", &dryRun)
	member(f, "replaceAll", &replaceAll)
	types := f.webhooks()
	if err := f.err(); err != nil {
		return reply{}, err
	}
	result := importResult{Modified: []string{}}
	if dryRun {
		result.ToModify = make([]imported, len(types))
		for i, t := range types {
			result.ToModify[i] = imported{t.Name, t.Description, t.Deprecated, t.Schemas}
		}
	} else {
		if err := c.Store.ImportEventTypes(r.Context(), types, replaceAll); err != nil {
			return reply{}, err
		}
		for _, t := range types {
			result.Modified = append(result.Modified, t.Name)
		}
	}
	return ok(struct {
		Data importResult `json:"data"`
	}{result}), nil
}

// webhooks reads the document, as JSON or as a text, and its webhooks.
func (f *form) webhooks() []store.EventType {
	field := "spec"
	document := []byte(f.members[field])
	if !f.given(field) {
		field = "specRaw"
		var text string
		if !member(f, field, &text) {
			return nil
		}
		var err error
		if document, err = jsonOf(text); err != nil {
			f.refuse(field, err.Error())
			return nil
		}
	}
	if _, err := members(document); err != nil {
		f.refuse(field, err.Error())
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	var d openAPI
	if err := decoder.Decode(&d.root); err != nil {
		f.refuse(field, "not a JSON object")
		return nil
	}
	types, err := d.eventTypes()
	if err != nil {
		f.refuse(field, err.Error())
	}
	return types
}

// jsonOf makes JSON of a text that is JSON or YAML.
func jsonOf(text string) ([]byte, error) {
	if strings.HasPrefix(strings.TrimSpace(text), "{") && json.Valid([]byte(text)) {
		return []byte(text), nil
	}
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(text), &root); err != nil {
		return nil, errors.New("neither JSON nor YAML")
	}
	nodes := 0
	value, err := valueOf(&root, 0, &nodes)
	if err != nil {
		return nil, err
	}
	out, err := json.Marshal(value)
	if err != nil {
		return nil, errors.New("has a value that JSON does not have")
	}
	return out, nil
}

// valueOf makes of a YAML node what JSON has for it. An alias stands for its
// node, as often as it comes.
func valueOf(node *yaml.Node, depth int, nodes *int) (any, error) {
	if *nodes++; *nodes > maxNodes || depth > maxDepth {
		return nil, errors.New("too large or too deep")
	}
	switch node.Kind {
	case yaml.DocumentNode:
		return valueOf(node.Content[0], depth+1, nodes)
	case yaml.AliasNode:
		return valueOf(node.Alias, depth+1, nodes)
	case yaml.SequenceNode:
		items := make([]any, len(node.Content))
		for i, item := range node.Content {
			var err error
			if items[i], err = valueOf(item, depth+1, nodes); err != nil {
				return nil, err
			}
		}
		return items, nil
	case yaml.MappingNode:
		members := make(map[string]any, len(node.Content)/2)
		for i := 0; i+1 < len(node.Content); i += 2 {
			name := node.Content[i]
			if name.Kind != yaml.ScalarNode {
				return nil, errors.New("a name is not a text")
			}
			if _, twice := members[name.Value]; twice {
				return nil, fmt.Errorf("duplicate member %q", name.Value)
			}
			var err error
			if members[name.Value], err = valueOf(node.Content[i+1], depth+1, nodes); err != nil {
				return nil, err
			}
		}
		return members, nil
	case yaml.ScalarNode:
		return scalarOf(node)
	default:
		return nil, errors.New("neither JSON nor YAML")
	}
}

func scalarOf(node *yaml.Node) (value any, err error) {
	switch node.ShortTag() {
	case "!!null", "!!bool", "!!int", "!!float":
		if err := node.Decode(&value); err != nil {
			return nil, errors.New("neither JSON nor YAML")
		}
		return value, nil
	default:
		return node.Value, nil // a date is what it looks like
	}
}
