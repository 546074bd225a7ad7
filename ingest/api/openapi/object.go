package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
)

// Object is a JSON object whose members stay in the order in which they were
// written. Values are *Object, []any, string, int, float64, bool or nil. Nil is
// an object without members.
type Object struct{ Members []Member }

// Member is a name and its value.
type Member struct {
	Name  string
	Value any
}

// Get returns a member's value, nil when there is none.
func (o *Object) Get(name string) any {
	value, _ := o.Lookup(name)
	return value
}

// Lookup returns a member's value and whether there is one.
func (o *Object) Lookup(name string) (any, bool) {
	if o == nil {
		return nil, false
	}
	if i := o.index(name); i >= 0 {
		return o.Members[i].Value, true
	}
	return nil, false
}

// Object returns a member that is an object, nil when it is none.
func (o *Object) Object(name string) *Object {
	value, _ := o.Get(name).(*Object)
	return value
}

// List returns a member that is a list.
func (o *Object) List(name string) []any {
	value, _ := o.Get(name).([]any)
	return value
}

// Text returns a member that is a text.
func (o *Object) Text(name string) string {
	value, _ := o.Get(name).(string)
	return value
}

// Flag reports whether a member is true.
func (o *Object) Flag(name string) bool { return o.Get(name) == true }

// Set gives a member a value, at the end when there was none.
func (o *Object) Set(name string, value any) {
	if i := o.index(name); i >= 0 {
		o.Members[i].Value = value
		return
	}
	o.Members = append(o.Members, Member{name, value})
}

// take removes a member and returns its value.
func (o *Object) take(name string) any {
	i := o.index(name)
	if i < 0 {
		return nil
	}
	value := o.Members[i].Value
	o.Members = slices.Delete(o.Members, i, i+1)
	return value
}

func (o *Object) index(name string) int {
	return slices.IndexFunc(o.Members, func(m Member) bool { return m.Name == name })
}

// MarshalJSON implements json.Marshaler.
func (o *Object) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, m := range o.Members {
		if i > 0 {
			out.WriteByte(',')
		}
		name, err := json.Marshal(m.Name)
		if err != nil {
			return nil, fmt.Errorf("encode name: %w", err)
		}
		value, err := json.Marshal(m.Value)
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", m.Name, err)
		}
		out.Write(name)
		out.WriteByte(':')
		out.Write(value)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// valueOf makes a value of YAML. Names are texts whatever they look like, and so
// are times.
func valueOf(node *yaml.Node) (any, error) {
	switch node.Kind {
	case yaml.DocumentNode:
		return valueOf(node.Content[0])
	case yaml.MappingNode:
		object := &Object{}
		for i := 0; i < len(node.Content); i += 2 {
			name := node.Content[i].Value
			if _, twice := object.Lookup(name); twice {
				return nil, fmt.Errorf("line %d: %s comes twice", node.Content[i].Line, name)
			}
			value, err := valueOf(node.Content[i+1])
			if err != nil {
				return nil, err
			}
			object.Set(name, value)
		}
		return object, nil
	case yaml.SequenceNode:
		list := make([]any, len(node.Content))
		for i, item := range node.Content {
			value, err := valueOf(item)
			if err != nil {
				return nil, err
			}
			list[i] = value
		}
		return list, nil
	case yaml.ScalarNode:
		return scalarOf(node)
	default:
		return nil, fmt.Errorf("line %d: aliases are not used here", node.Line)
	}
}

func scalarOf(node *yaml.Node) (any, error) {
	if tag := node.ShortTag(); tag == "!!str" || tag == "!!timestamp" {
		return node.Value, nil
	}
	var value any
	if err := node.Decode(&value); err != nil {
		return nil, fmt.Errorf("line %d: %w", node.Line, err)
	}
	return value, nil
}
