package openapitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Spoiled is the example of a request with one thing changed.
type Spoiled struct {
	Name      string // the member and what it became
	Member    string // of the object that is the body
	Body      []byte
	Forbidden bool // whether the document forbids it; otherwise it may be refused all the same
}

// spoilers are values that are wrong nearly everywhere: other types, and the
// edges of all of them.
var spoilers = []string{
	`null`, `true`, `0`, `-1`, `1.5`, `1e400`, `99999999999999999999`, `""`, `"a b"`, `"\u0000"`, `"\ud800"`,
	`"` + strings.Repeat("x", 300) + `"`, `"` + strings.Repeat("ä", 50_000) + `"`,
	`[]`, `[null]`, `["a b"]`, `[[]]`, `["` + strings.Join(slices.Repeat([]string{"x"}, 2000), `","`) + `"]`,
	`{}`, `{"unknown":null}`, `{"unknown":"\u0000"}`, `{"unknown":1,"unknown":"2"}`, `{"":{"":[0]}}`,
	strings.Repeat(`{"unknown":[`, 60) + strings.Repeat(`]}`, 60), // deep, but not too deep
}

// Spoil makes requests of the operation's example: each documented member of it,
// at any depth, becomes each of a list of values that are wrong nearly everywhere,
// and once it is missing.
func (o *Operation) Spoil() []Spoiled {
	if o.Schema == nil {
		return nil
	}
	var all []Spoiled
	for _, place := range places(o.Schema, 0) {
		for _, value := range spoilers {
			all = append(all, o.spoil(place, value))
		}
		if place[len(place)-1] != item {
			all = append(all, o.spoil(place, ""))
		}
	}
	return all
}

// spoil changes one place of the example. No value takes the member away.
func (o *Operation) spoil(place []string, value string) Spoiled {
	var body any
	decoder := json.NewDecoder(bytes.NewReader(o.Example))
	decoder.UseNumber()
	if err := decoder.Decode(&body); err != nil {
		body = map[string]any{}
	}
	body = put(body, place, value)
	text := encode(body)
	if value == "" {
		value = "missing"
	}
	return Spoiled{
		Name:   fmt.Sprintf("%s %.40s", strings.Join(place, "."), value),
		Member: place[0], Body: text, Forbidden: o.Accepts(text) != nil,
	}
}

// put puts a value at a place of a tree, and makes what is not there on the way.
func put(tree any, place []string, value string) any {
	if len(place) == 0 {
		return json.RawMessage(value)
	}
	if place[0] == item {
		return []any{put(nil, place[1:], value)}
	}
	object, ok := tree.(map[string]any)
	if !ok {
		object = make(map[string]any)
	}
	if len(place) == 1 && value == "" {
		delete(object, place[0])
		return object
	}
	object[place[0]] = put(object[place[0]], place[1:], value)
	return object
}

// item is the place of an item of a list; any other name is a member.
const item = "[]"

// places are those of all members and items that a schema describes.
func places(schema map[string]any, depth int) [][]string {
	const maxDepth = 4 // no form is deeper, and one that holds itself must end
	schema = Resolve(schema)
	if depth > maxDepth {
		return nil
	}
	var all [][]string
	add := func(name string, value any) {
		inner, _ := value.(map[string]any)
		if inner == nil {
			return
		}
		all = append(all, []string{name})
		for _, rest := range places(inner, depth+1) {
			all = append(all, append([]string{name}, rest...))
		}
	}
	properties, _ := schema["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		add(name, properties[name])
	}
	if depth > 0 { // a body is an object
		add(item, schema["items"])
	}
	add("some", schema["additionalProperties"])
	for _, kind := range []string{"allOf", "oneOf", "anyOf"} {
		parts, _ := schema[kind].([]any)
		for _, part := range parts {
			if inner, ok := part.(map[string]any); ok {
				all = append(all, places(inner, depth+1)...)
			}
		}
	}
	return all
}
