// Package openapi is the description of the API, for programs and for people.
// It is written by hand, one file for each tag, and put together here: what
// every operation has in common is said once and added to each.
//
// Nothing of the API depends on it. What holds the two together is tests.
package openapi

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed *.yaml
var sources embed.FS

// frame is the source that the others are put into.
const frame = "document.yaml"

// Document is the whole description.
type Document struct {
	Root *Object
	JSON []byte // Root as it is served
}

// Resolve finds what a reference in the document means.
func (d *Document) Resolve(ref string) (*Object, error) { return resolve(d.Root, ref) }

func resolve(root *Object, ref string) (*Object, error) {
	at := root
	for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		if at = at.Object(part); at == nil {
			return nil, fmt.Errorf("there is no %q", ref)
		}
	}
	return at, nil
}

// Load returns the document. It is put together once.
var Load = sync.OnceValues(func() (*Document, error) { return load(sources) })

func load(files fs.FS) (*Document, error) {
	root, err := read(files, frame)
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(files, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list sources: %w", err)
	}
	for _, name := range names {
		if name == frame {
			continue
		}
		part, err := read(files, name)
		if err != nil {
			return nil, err
		}
		if err := merge(root, part); err != nil {
			return nil, fmt.Errorf("put %s in: %w", name, err)
		}
	}
	if err := complete(root); err != nil {
		return nil, err
	}
	text, err := json.Marshal(root)
	if err != nil {
		return nil, fmt.Errorf("encode document: %w", err)
	}
	return &Document{Root: root, JSON: text}, nil
}

// read reads a source. It is an object, since it is one of ours.
func read(files fs.FS, name string) (*Object, error) {
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, fmt.Errorf("read source: %w", err)
	}
	var node yaml.Node
	if err := yaml.Unmarshal(text, &node); err != nil {
		return nil, fmt.Errorf("parse %s: %w", name, err)
	}
	value, err := valueOf(&node)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", name, err)
	}
	root, ok := value.(*Object)
	if !ok {
		return nil, fmt.Errorf("parse %s: not an object", name)
	}
	return root, nil
}
