package openapi

import (
	"fmt"
	"slices"
)

// aTime stands for a time where there is no better example.
const aTime = "2026-11-20T18:54:49.534Z"

// fillExamples gives every body the example that its schema makes, unless it has
// one of its own.
func fillExamples(root *Object) error {
	b := builder{root}
	components := root.Object("components")
	for _, response := range objects(components.Object("responses")) {
		if err := b.fill(response.Value); err != nil {
			return fmt.Errorf("response %s: %w", response.Name, err)
		}
	}
	for _, path := range objects(root.Object("paths")) {
		for _, operation := range objects(path.Value) {
			bodies := []*Object{operation.Value.Object("requestBody")}
			for _, response := range objects(operation.Value.Get("responses")) {
				bodies = append(bodies, response.Value)
			}
			for _, body := range bodies {
				if err := b.fill(body); err != nil {
					return fmt.Errorf("%s %s: %w", operation.Name, path.Name, err)
				}
			}
		}
	}
	return nil
}

// builder makes examples of schemas.
type builder struct{ root *Object }

func (b builder) fill(body *Object) error {
	for _, media := range objects(body.Get("content")) {
		if _, has := media.Value.Lookup("example"); has {
			continue
		}
		example, err := b.example(media.Value.Object("schema"))
		if err != nil {
			return err
		}
		media.Value.Set("example", example)
	}
	return nil
}

// example makes what a schema describes: its own example, or one of its members'.
func (b builder) example(schema *Object) (any, error) {
	if given := schema.List("examples"); len(given) > 0 {
		return given[0], nil
	}
	for _, name := range []string{"const", "default"} {
		if value, ok := schema.Lookup(name); ok {
			return value, nil
		}
	}
	if values := schema.List("enum"); len(values) > 0 {
		return values[0], nil
	}
	if ref := schema.Text("$ref"); ref != "" {
		target, err := b.resolve(ref)
		if err != nil {
			return nil, err
		}
		return b.example(target)
	}
	if schema.Text("format") == "date-time" {
		return aTime, nil
	}
	if items := schema.Object("items"); items != nil {
		item, err := b.example(items)
		return []any{item}, err
	}
	if either := schema.List("oneOf"); len(either) > 0 {
		first, _ := either[0].(*Object)
		return b.example(first)
	}
	if schema.Object("properties") == nil && schema.List("allOf") == nil {
		return nil, fmt.Errorf("there is no example of %v", schema.members())
	}
	example := &Object{}
	return example, b.exampleOfObject(schema, example)
}

// exampleOfObject adds the members that a schema describes. What is deprecated
// and not required is nothing to imitate.
func (b builder) exampleOfObject(schema, example *Object) error {
	for _, m := range objects(schema.Get("properties")) {
		if b.attribute(m.Value, "deprecated") == true && !slices.Contains(schema.List("required"), any(m.Name)) {
			continue
		}
		value, err := b.example(m.Value)
		if err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
		example.Set(m.Name, value)
	}
	for _, part := range schema.List("allOf") {
		one, _ := part.(*Object)
		if ref := one.Text("$ref"); ref != "" {
			target, err := b.resolve(ref)
			if err != nil {
				return err
			}
			one = target
		}
		if err := b.exampleOfObject(one, example); err != nil {
			return err
		}
	}
	return nil
}

// attribute is what a schema or the one that it refers to says.
func (b builder) attribute(schema *Object, name string) any {
	for schema != nil {
		if value, ok := schema.Lookup(name); ok {
			return value
		}
		target, err := b.resolve(schema.Text("$ref"))
		if err != nil {
			return nil
		}
		schema = target
	}
	return nil
}

// resolve finds what a reference means.
func (b builder) resolve(ref string) (*Object, error) { return resolve(b.root, ref) }
