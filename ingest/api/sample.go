package api

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

const (
	// How deep an example is made, and how large in values and characters: a
	// schema may refer to itself.
	sampleDepth = 8
	sampleSize  = 16 << 10
)

// samples are examples of a JSON schema: those that it gives, or one that is made of
// what it says of its members.
func samples(schema json.RawMessage) (all []any, given bool, err error) {
	var root any
	if err := json.Unmarshal(schema, &root); err != nil {
		return nil, false, err
	}
	if top, ok := root.(map[string]any); ok {
		if examples, ok := top["examples"].([]any); ok && len(examples) > 0 {
			return examples, true, nil
		}
	}
	s := sampler{root: root, left: sampleSize}
	return []any{s.of(root, 0)}, false, nil
}

// newestSchema is the one of the highest version, as numbers where versions are.
func newestSchema(schemas json.RawMessage) json.RawMessage {
	var versions map[string]json.RawMessage
	if json.Unmarshal(schemas, &versions) != nil || len(versions) == 0 {
		return nil
	}
	return versions[slices.MaxFunc(slices.Collect(maps.Keys(versions)), compareVersions)]
}

func compareVersions(a, b string) int {
	n, errA := strconv.ParseFloat(a, 64)
	m, errB := strconv.ParseFloat(b, 64)
	switch {
	case errA == nil && errB == nil && n != m:
		return cmp.Compare(n, m)
	case errA == nil && errB != nil:
		return -1
	case errA != nil && errB == nil:
		return 1
	default:
		return strings.Compare(a, b)
	}
}

// sampler makes one example.
type sampler struct {
	root any
	left int // how much larger it may get
}

// of is an example of the schema at some depth.
func (s *sampler) of(schema any, depth int) any {
	s.left--
	node, ok := schema.(map[string]any)
	if !ok || depth > sampleDepth || s.left < 0 {
		return nil
	}
	if given, ok := s.given(node); ok {
		return given
	}
	if other, ok := s.other(node); ok {
		return s.of(other, depth+1)
	}
	switch typeOf(node) {
	case "object":
		return s.object(node, depth)
	case "array":
		if item := s.of(node["items"], depth+1); item != nil {
			return []any{item}
		}
		return []any{}
	case "string":
		return sampleText(node)
	case "integer", "number":
		if least, ok := node["minimum"].(float64); ok {
			return least
		}
		return 1
	case "boolean":
		return true
	default:
		return nil
	}
}

// given is the value that the schema itself gives.
func (s *sampler) given(node map[string]any) (any, bool) {
	for _, name := range []string{"example", "default", "const"} {
		if value, ok := node[name]; ok {
			return s.fitting(value), true
		}
	}
	for _, name := range []string{"examples", "enum"} {
		if values, ok := node[name].([]any); ok && len(values) > 0 {
			return s.fitting(values[0]), true
		}
	}
	return nil, false
}

// other is the schema that this one only leads to.
func (s *sampler) other(node map[string]any) (any, bool) {
	if ref, ok := node["$ref"].(string); ok {
		return s.resolve(ref), true
	}
	for _, choice := range []string{"oneOf", "anyOf"} {
		if options, ok := node[choice].([]any); ok && len(options) > 0 {
			return options[0], true
		}
	}
	return nil, false
}

// fitting is the value, or null when there is no room for it any more.
func (s *sampler) fitting(value any) any {
	if s.weigh(value); s.left < 0 {
		return nil
	}
	return value
}

func (s *sampler) weigh(value any) {
	if s.left--; s.left < 0 {
		return
	}
	switch v := value.(type) {
	case string:
		s.left -= len(v)
	case []any:
		for _, item := range v {
			s.weigh(item)
		}
	case map[string]any:
		for name, item := range v {
			s.left -= len(name)
			s.weigh(item)
		}
	}
}

// object has all members that the schema and those that it consists of name.
func (s *sampler) object(node map[string]any, depth int) any {
	made := make(map[string]any)
	if parts, ok := node["allOf"].([]any); ok {
		for _, part := range parts {
			if members, ok := s.of(part, depth+1).(map[string]any); ok {
				maps.Copy(made, members)
			}
		}
	}
	members, _ := node["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(members)) { // the same example every time
		if s.left -= len(name); s.left < 0 {
			break
		}
		made[name] = s.of(members[name], depth+1)
	}
	return made
}

// resolve finds what a reference within the schema leads to.
func (s *sampler) resolve(ref string) any {
	path, ok := strings.CutPrefix(ref, "#")
	if !ok {
		return nil
	}
	at := s.root
	for _, name := range strings.Split(path, "/")[1:] {
		node, _ := at.(map[string]any)
		at = node[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)]
	}
	return at
}

// typeOf is the type that a schema asks for, the first if it allows several, or
// that its other words are about.
func typeOf(node map[string]any) string {
	switch t := node["type"].(type) {
	case string:
		return t
	case []any:
		for _, option := range t {
			if name, _ := option.(string); name != "null" {
				return name
			}
		}
	}
	switch {
	case node["properties"] != nil || node["allOf"] != nil:
		return "object"
	case node["items"] != nil:
		return "array"
	default:
		return ""
	}
}

// sampleText is a string in the format that the schema asks for.
func sampleText(node map[string]any) string {
	switch node["format"] {
	case "date-time":
		return "2026-01-02T03:04:05Z"
	case "date":
		return "2026-01-02"
	case "time":
		return "03:04:05Z"
	case "email":
		return "jane@example.com"
	case "uri", "url":
		return "https://example.com/"
	case "hostname":
		return "example.com"
	case "ipv4":
		return "192.0.2.1"
	case "ipv6":
		return "2001:db8::1"
	case "uuid":
		return "123e4567-e89b-42d3-a456-426614174000"
	default:
		return "string"
	}
}
