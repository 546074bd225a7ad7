package openapitest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/postrider/postrider/ingest/api/openapi"
)

// Operation is one operation of the document.
type Operation struct {
	Method, Path string
	ID           string
	Operators    bool // whether only operators may call it
	Public       bool // whether anybody may
	Parameters   []Parameter

	// Example is the request's body in the document, nil when it has none, and
	// Schema what it says of one.
	Example []byte
	Schema  map[string]any

	body         *jsonschema.Schema
	bodyRequired bool
	streams      bool     // its answer goes on
	readOnly     []string // members that are shown only, which clients may send back
	answers      map[int]*jsonschema.Schema
}

// Parameter is a parameter of the query.
type Parameter struct {
	Name       string
	Type       string
	Deprecated bool

	schema *jsonschema.Schema
}

// book is the document made ready for checking.
type book struct {
	root       map[string]any
	operations []Operation
	failure    *jsonschema.Schema // the schema of errors
	examples   error              // what is wrong with the examples
}

// Operations are all of the document.
func Operations() ([]Operation, error) {
	b, err := load()
	if err != nil {
		return nil, err
	}
	return b.operations, nil
}

// Resolve finds the schema that a schema refers to, itself when it does not.
func Resolve(schema map[string]any) map[string]any {
	b, err := load()
	for err == nil {
		ref, ok := schema["$ref"].(string)
		if !ok {
			break
		}
		schema, _ = follow(b.root, ref)
	}
	return schema
}

var load = sync.OnceValues(func() (*book, error) {
	document, err := openapi.Load()
	if err != nil {
		return nil, err
	}
	return read(document.JSON)
})

// source is the document's address while schemas are compiled.
const source = "https://postrider.invalid/openapi.json"

func read(document []byte) (*book, error) {
	root, err := parse(document)
	if err != nil {
		return nil, err
	}
	strict, err := parse(document)
	if err != nil {
		return nil, err
	}
	closeSchemas(strict)
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource(source, strict); err != nil {
		return nil, fmt.Errorf("add document: %w", err)
	}
	r := reader{root: root, compiler: c}
	b := &book{root: root, failure: r.compile("#/components/responses/404/content/application~1json/schema")}
	paths, _ := root["paths"].(map[string]any)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		for method := range paths[path].(map[string]any) {
			b.operations = append(b.operations, r.operation(path, method))
		}
	}
	slices.SortFunc(b.operations, func(a, b Operation) int { return strings.Compare(a.Path+" "+a.Method, b.Path+" "+b.Method) })
	b.examples = r.examples
	return b, r.err
}

// CheckExamples says which examples in the document are not as their schemas.
func CheckExamples() error {
	b, err := load()
	if err != nil {
		return err
	}
	return b.examples
}

func parse(document []byte) (map[string]any, error) {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return nil, fmt.Errorf("parse document: %w", err)
	}
	root, _ := value.(map[string]any)
	return root, nil
}

// reader reads operations. The first error stays.
type reader struct {
	root     map[string]any
	compiler *jsonschema.Compiler
	err      error
	examples error // what is wrong with them
}

// checkExample checks the example of a body.
func (r *reader) checkExample(place string) {
	media, _ := follow(r.root, place)
	if err := r.compile(place + "/schema").Validate(media["example"]); err != nil {
		r.examples = errors.Join(r.examples, fmt.Errorf("example at %s: %w", place, err))
	}
}

func (r *reader) compile(pointer string) *jsonschema.Schema {
	schema, err := r.compiler.Compile(source + pointer)
	if err == nil {
		return schema
	}
	if r.err == nil {
		r.err = fmt.Errorf("compile %s: %w", pointer, err)
	}
	return new(jsonschema.Schema) // allows everything, until the error is seen
}

func (r *reader) operation(path, method string) Operation {
	at := "#/paths/" + escape(path) + "/" + method
	written, _ := follow(r.root, at)
	o := Operation{Method: strings.ToUpper(method), Path: path, answers: make(map[int]*jsonschema.Schema)}
	o.ID, _ = written["operationId"].(string)
	security, _ := written["security"].([]any)
	o.Public, o.Operators = len(security) == 0, len(security) == 1
	parameters, _ := written["parameters"].([]any)
	for i := range parameters {
		parameter, place := r.deref(at + "/parameters/" + strconv.Itoa(i))
		if parameter["in"] != "query" {
			continue
		}
		schema, _ := r.deref(place + "/schema")
		p := Parameter{Name: parameter["name"].(string), schema: r.compile(place + "/schema")}
		p.Type, _ = schema["type"].(string)
		p.Deprecated = parameter["deprecated"] == true
		o.Parameters = append(o.Parameters, p)
	}
	var bodyPlace string
	if _, ok := written["requestBody"]; ok {
		body, place := r.deref(at + "/requestBody")
		place += "/content/application~1json"
		bodyPlace = place
		media, _ := follow(r.root, place)
		o.bodyRequired = body["required"] == true
		o.Schema, _ = media["schema"].(map[string]any)
		o.Example = encode(media["example"])
		o.body = r.compile(place + "/schema")
		r.checkExample(place)
	}
	responses, _ := written["responses"].(map[string]any)
	for status := range responses {
		code, err := strconv.Atoi(status)
		if err != nil && r.err == nil {
			r.err = fmt.Errorf("%s: status %s: %w", at, status, err)
		}
		response, place := r.deref(at + "/responses/" + status)
		o.answers[code] = nil
		content, ok := response["content"].(map[string]any)
		if _, streams := content[streamType]; streams {
			o.streams = true
			continue
		}
		if ok {
			o.answers[code] = r.compile(place + "/content/application~1json/schema")
			r.checkExample(place + "/content/application~1json")
			if code < http.StatusMultipleChoices {
				o.readOnly = append(o.readOnly, r.names(place+"/content/application~1json/schema")...)
			}
		}
	}
	if o.Schema != nil {
		settable := r.names(bodyPlace + "/schema")
		o.readOnly = slices.DeleteFunc(o.readOnly, func(name string) bool { return slices.Contains(settable, name) })
	}
	return o
}

// names are those of the members of a schema at a place.
func (r *reader) names(place string) []string {
	schema, place := r.deref(place)
	properties, _ := schema["properties"].(map[string]any)
	names := slices.Collect(maps.Keys(properties))
	parts, _ := schema["allOf"].([]any)
	for i := range parts {
		names = append(names, r.names(place+"/allOf/"+strconv.Itoa(i))...)
	}
	return names
}

// deref finds what is at a place, or where the reference there leads, and that
// place.
func (r *reader) deref(place string) (map[string]any, string) {
	for {
		found, ok := follow(r.root, place)
		if !ok && r.err == nil {
			r.err = fmt.Errorf("there is no %s", place)
		}
		ref, isRef := found["$ref"].(string)
		if !isRef {
			return found, place
		}
		place = ref
	}
}

// follow walks along a JSON pointer.
func follow(root map[string]any, pointer string) (map[string]any, bool) {
	var at any = root
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "#/"), "/") {
		switch node := at.(type) {
		case map[string]any:
			at = node[unescape(part)]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(node) {
				return nil, false
			}
			at = node[i]
		default:
			return nil, false
		}
	}
	found, ok := at.(map[string]any)
	return found, ok
}

func escape(part string) string {
	return strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(part)
}

func unescape(part string) string {
	return strings.NewReplacer("~1", "/", "~0", "~", "%7B", "{", "%7D", "}").Replace(part)
}

// find finds the operation of a path, of two the one with the more literal path.
func (b *book) find(method, path string) *Operation {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	var found *Operation
	literal := -1
	for i := range b.operations {
		o := &b.operations[i]
		if n := match(o.Path, strings.TrimSuffix(path, "/")); o.Method == method && n > literal {
			found, literal = o, n
		}
	}
	return found
}

// match counts the literal parts of a path that fits a template, -1 when it does
// not.
func match(template, path string) int {
	want, have := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return -1
	}
	literal := 0
	for i := range want {
		switch {
		case strings.HasPrefix(want[i], "{") && have[i] != "":
		case want[i] == have[i]:
			literal++
		default:
			return -1
		}
	}
	return literal
}
