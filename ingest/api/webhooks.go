package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/postrider/postrider/shared/store"
)

const (
	// maxImported bounds the schemas of one import. Each has to hold all that it
	// refers to, so many small webhooks of one large document could be a multiple of
	// it.
	maxImported = 4 << 20

	maxHops = 32 // of a reference to a reference
)

// openAPI is a document whose webhooks become event types. Its values are those
// of package json, numbers as they are written.
type openAPI struct{ root map[string]any }

// eventTypes makes an event type of every webhook, by name.
func (d openAPI) eventTypes() ([]store.EventType, error) {
	if version, _ := d.root["openapi"].(string); !strings.HasPrefix(version, "3.") {
		return nil, errors.New("not an OpenAPI document of version 3")
	}
	webhooks := make(map[string]any)
	for _, member := range []string{"x-webhooks", "webhooks"} {
		found, ok := d.root[member].(map[string]any)
		if _, there := d.root[member]; there && !ok {
			return nil, fmt.Errorf("%s is not an object", member)
		}
		maps.Copy(webhooks, found)
	}
	if len(webhooks) == 0 {
		return nil, errors.New("no webhooks in it")
	}
	types := make([]store.EventType, 0, len(webhooks))
	size := 0
	for _, name := range slices.Sorted(maps.Keys(webhooks)) {
		if !isName(name) {
			return nil, fmt.Errorf("webhook %q: not the name of an event type", name)
		}
		t, err := d.eventType(name, webhooks[name])
		if err != nil {
			return nil, fmt.Errorf("webhook %s: %w", name, err)
		}
		if size += len(t.Schemas); size > maxImported {
			return nil, errors.New("the schemas are too large together with what they refer to")
		}
		types = append(types, t)
	}
	return types, nil
}

func (d openAPI) eventType(name string, webhook any) (t store.EventType, err error) {
	item, err := d.object(webhook)
	if err != nil {
		return t, err
	}
	operation := operationOf(item)
	body, err := d.object(operation["requestBody"])
	if err != nil {
		return t, err
	}
	t.Name = name
	t.Deprecated, _ = operation["deprecated"].(bool)
	t.Description = firstText(operation["description"], operation["summary"], body["description"], item["description"], item["summary"])
	if hasControl(t.Description) {
		return t, errors.New("the description has control characters")
	}
	schema := schemaOf(body)
	if schema == nil {
		return t, nil
	}
	whole, err := d.whole(schema)
	if err != nil {
		return t, err
	}
	if fault := schemaFault(whole); fault != "" {
		return t, errors.New(fault)
	}
	t.Schemas, err = json.Marshal(map[string]json.RawMessage{"1": whole})
	return t, err
}

// operationOf is the operation of a path item that says what is sent: webhooks
// are posted.
func operationOf(item map[string]any) map[string]any {
	for _, method := range []string{"post", "put", "patch", "get", "delete"} {
		if operation, ok := item[method].(map[string]any); ok {
			return operation
		}
	}
	return nil
}

// schemaOf is the schema of a body as JSON, nil when there is none.
func schemaOf(body map[string]any) any {
	content, _ := body["content"].(map[string]any)
	for _, kind := range slices.Sorted(maps.Keys(content)) {
		name, _, _ := strings.Cut(kind, ";")
		if media, ok := content[kind].(map[string]any); ok && (name == "application/json" || strings.HasSuffix(name, "+json")) {
			return media["schema"]
		}
	}
	return nil
}

func firstText(values ...any) string {
	for _, value := range values {
		if text, _ := value.(string); text != "" {
			return text
		}
	}
	return ""
}

// object is a value that is to be an object, or the one that it refers to. What is
// absent is an empty one.
func (d openAPI) object(value any) (map[string]any, error) {
	for range maxHops {
		found, ok := value.(map[string]any)
		if !ok && value != nil {
			return nil, errors.New("not an object where one is expected")
		}
		ref, refers := found["$ref"].(string)
		if !refers {
			return found, nil
		}
		var err error
		if value, err = d.find(ref); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("references lead in a circle")
}

// find returns what a reference within the document leads to.
func (d openAPI) find(ref string) (any, error) {
	pointer, ok := strings.CutPrefix(ref, "#/")
	if !ok {
		return nil, fmt.Errorf("reference %q: only those within the document are followed", ref)
	}
	var node any = d.root
	for token := range strings.SplitSeq(pointer, "/") {
		parent, _ := node.(map[string]any)
		if node, ok = parent[strings.NewReplacer("~1", "/", "~0", "~").Replace(token)]; !ok {
			return nil, fmt.Errorf("reference %q leads nowhere", ref)
		}
	}
	return node, nil
}

// whole makes a schema of the document one that stands by itself: what it refers
// to, by whatever ways, goes along as its definitions. A schema may refer to
// itself, so nothing is put in the place of a reference.
func (d openAPI) whole(schema any) (json.RawMessage, error) {
	b := bundle{document: d, names: make(map[string]string), definitions: make(map[string]any)}
	root := b.copy(schema, false)
	for len(b.open) > 0 && b.err == nil {
		ref := b.open[0]
		b.open = b.open[1:]
		found, err := d.find(ref)
		if err != nil {
			return nil, err
		}
		b.definitions[b.names[ref]] = b.copy(found, false)
	}
	if b.err != nil {
		return nil, b.err
	}
	if object, ok := root.(map[string]any); ok && len(b.definitions) > 0 {
		own, _ := object["$defs"].(map[string]any)
		for name := range own {
			if _, taken := b.definitions[name]; taken {
				return nil, fmt.Errorf("definition %q comes twice", name)
			}
		}
		maps.Copy(b.definitions, own)
		object["$defs"] = b.definitions
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(root); err != nil {
		return nil, fmt.Errorf("encode schema: %w", err)
	}
	return bytes.TrimSpace(out.Bytes()), nil
}

// bundle is a schema while what it refers to is collected.
type bundle struct {
	document    openAPI
	names       map[string]string // of the definitions, by reference
	definitions map[string]any
	open        []string // references whose definitions are still missing
	err         error
}

// copy copies a part of a schema with its references turned to definitions. What
// is named by the schema's author, such as properties, is no keyword.
func (b *bundle) copy(node any, named bool) any {
	switch node := node.(type) {
	case []any:
		items := make([]any, len(node))
		for i, item := range node {
			items[i] = b.copy(item, false)
		}
		return items
	case map[string]any:
		members := make(map[string]any, len(node))
		for key, value := range node {
			ref, isText := value.(string)
			switch {
			case named:
				members[key] = b.copy(value, false)
			case key == "$ref" && isText:
				members[key] = "#/$defs/" + b.definition(ref)
			case slices.Contains([]string{"const", "enum", "default", "example", "examples"}, key):
				members[key] = value // data, whatever it looks like
			default:
				members[key] = b.copy(value, slices.Contains([]string{"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"}, key))
			}
		}
		return members
	default:
		return node
	}
}

// definition names what a reference leads to.
func (b *bundle) definition(ref string) string {
	if name, known := b.names[ref]; known {
		return name
	}
	pointer, ok := strings.CutPrefix(ref, "#/")
	if !ok && b.err == nil {
		b.err = fmt.Errorf("reference %q: only those within the document are followed", ref)
	}
	name := strings.TrimPrefix(pointer, "components/schemas/")
	name = strings.NewReplacer("/", ".", "~1", ".", "~0", "~", "%", "").Replace(name)
	for slices.Contains(slices.Collect(maps.Values(b.names)), name) {
		name += "_"
	}
	b.names[ref] = name
	b.open = append(b.open, ref)
	return name
}
