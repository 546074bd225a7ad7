package member

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const (
	mostFields = 200 // of a schema that are listed
	mostDepth  = 8   // of members within members: a schema may refer to itself
	mostValues = 8   // of a list of values that are named
)

// field is what a schema says of one member of a payload.
type field struct {
	Name        string // such as "invoice.lines[].amount"
	Type        string // in words; empty: anything
	Required    bool
	Description string
}

// fieldsOf lists the members that a schema knows, by name, down to some depth. What is
// too much, or more than a list can say, is in the schema itself, which the page has too.
func fieldsOf(schema json.RawMessage) []field {
	r := reader{}
	if json.Unmarshal(schema, &r.root) != nil {
		return nil
	}
	r.members(r.root, "", 0)
	return r.fields
}

// reader reads one schema.
type reader struct {
	root   any
	fields []field
}

// members adds what is inside an object, or inside the items of a list of objects.
func (r *reader) members(schema any, prefix string, depth int) {
	node := r.resolve(schema)
	if node == nil || depth > mostDepth {
		return
	}
	for _, part := range items(node["allOf"]) {
		r.members(part, prefix, depth+1)
	}
	if inner, ok := node["items"]; ok {
		r.members(inner, prefix+"[]", depth+1)
	}
	properties, _ := node["properties"].(map[string]any)
	required := items(node["required"])
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if len(r.fields) == mostFields {
			return
		}
		member := r.resolve(properties[name])
		full := strings.TrimPrefix(prefix+"."+name, ".")
		description, _ := member["description"].(string)
		r.fields = append(r.fields, field{
			Name: full, Type: typeWords(member), Description: description, Required: slices.Contains(required, any(name)),
		})
		r.members(member, full, depth+1)
	}
}

// resolve follows references within the schema. What is no object says nothing.
func (r *reader) resolve(schema any) map[string]any {
	for range mostDepth {
		node, _ := schema.(map[string]any)
		ref, ok := node["$ref"].(string)
		if !ok {
			return node
		}
		path, ok := strings.CutPrefix(ref, "#")
		if !ok {
			return node
		}
		schema = r.root
		for _, name := range strings.Split(path, "/")[1:] {
			inside, _ := schema.(map[string]any)
			schema = inside[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)]
		}
	}
	return nil
}

// typeWords says what a value may be.
func typeWords(node map[string]any) string {
	var words []string
	switch t := node["type"].(type) {
	case string:
		words = append(words, t)
	case []any:
		for _, one := range t {
			words = append(words, fmt.Sprint(one))
		}
	}
	text := strings.Join(words, " or ")
	if format, ok := node["format"].(string); ok {
		text += " (" + format + ")"
	}
	if values := items(node["enum"]); len(values) > 0 {
		text += ": " + valueWords(values)
	}
	if value, ok := node["const"]; ok {
		text += ": " + valueWords([]any{value})
	}
	if text == "" && (node["oneOf"] != nil || node["anyOf"] != nil) {
		text = "one of several"
	}
	return strings.TrimPrefix(text, ": ")
}

func valueWords(values []any) string {
	words := make([]string, 0, mostValues)
	for _, value := range values[:min(len(values), mostValues)] {
		text, err := json.Marshal(value)
		if err != nil {
			continue // it was read from JSON
		}
		words = append(words, string(text))
	}
	if len(values) > mostValues {
		words = append(words, "…")
	}
	return strings.Join(words, ", ")
}

func items(list any) []any {
	all, _ := list.([]any)
	return all
}
