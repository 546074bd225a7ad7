package openapi

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

const (
	mediaType = "application/json"

	// ours marks what Svix's API does not have.
	ours     = "x-postrider"
	oursText = "An addition of Postrider's."
)

// merge puts the paths and components of a source into the document. Its
// operations get its tag.
func merge(root, part *Object) error {
	tag, _ := part.take("tag").(string)
	for _, path := range part.Object("paths").members() {
		for _, operation := range objects(path.Value) {
			operation.Value.Set("tags", []any{tag})
		}
	}
	return join(root, part, "")
}

// join adds the members of one object to another, objects member by member.
func join(into, from *Object, depth string) error {
	for _, m := range from.members() {
		there, ok := into.Lookup(m.Name)
		if !ok {
			into.Set(m.Name, m.Value)
			continue
		}
		both, isObject := there.(*Object)
		more, areObjects := m.Value.(*Object)
		// Below the kinds of components there is nothing that two sources share.
		if !isObject || !areObjects || strings.Count(depth, "/") > 1 {
			return fmt.Errorf("%s/%s is there already", depth, m.Name)
		}
		if err := join(both, more, depth+"/"+m.Name); err != nil {
			return err
		}
	}
	return nil
}

// complete writes out what the sources abbreviate and leave out.
func complete(root *Object) error {
	expandRefs(root)
	components := root.Object("components")
	for _, response := range objects(components.Object("responses")) {
		expandContent(response.Value)
	}
	for _, path := range objects(root.Object("paths")) {
		for _, operation := range objects(path.Value) {
			completeOperation(components, path.Name, operation.Name, operation.Value)
		}
	}
	markOurs(root)
	return fillExamples(root)
}

// expandRefs makes names whole references. A name stands for a schema.
func expandRefs(value any) {
	switch node := value.(type) {
	case *Object:
		for i, m := range node.Members {
			if name, ok := m.Value.(string); ok && m.Name == "$ref" && !strings.HasPrefix(name, "#") {
				node.Members[i].Value = refTo("schemas", name)
				continue
			}
			expandRefs(m.Value)
		}
	case []any:
		for _, item := range node {
			expandRefs(item)
		}
	}
}

func refTo(kind, name string) string { return "#/components/" + kind + "/" + name }

func reference(kind, name string) *Object {
	return &Object{[]Member{{"$ref", refTo(kind, name)}}}
}

// expandContent makes the name of a schema a body of it. An example beside it
// goes in.
func expandContent(body *Object) {
	name, ok := body.Get("content").(string)
	if !ok {
		return
	}
	media := &Object{[]Member{{"schema", reference("schemas", name)}}}
	if example := body.take("example"); example != nil {
		media.Set("example", example)
	}
	body.Set("content", &Object{[]Member{{mediaType, media}}})
}

// completeOperation writes out an operation and adds what goes without saying.
func completeOperation(components *Object, path, method string, operation *Object) {
	operation.Set("parameters", parameters(path, method, operation.List("parameters")))
	if _, ok := operation.Lookup("security"); !ok {
		operation.Set("security", []any{
			&Object{[]Member{{"operator", []any{}}}}, &Object{[]Member{{"application", []any{}}}},
		})
	}
	switch body := operation.Get("requestBody").(type) {
	case string:
		whole := &Object{[]Member{{"required", true}, {"content", body}}}
		expandContent(whole)
		operation.Set("requestBody", whole)
	case *Object:
		expandContent(body)
	}
	responses := operation.Object("responses")
	for i, m := range responses.Members {
		responses.Members[i].Value = response(components, m.Name, m.Value)
	}
	for _, status := range usual(path, method, operation) {
		if _, ok := responses.Lookup(status); !ok {
			responses.Set(status, reference("responses", status))
		}
	}
	if len(operation.List("parameters")) == 0 {
		operation.take("parameters")
	}
}

// inPath are the parameters of a path.
var inPath = regexp.MustCompile(`\{([^}]+)\}`)

// parameters are those of the path, those that are named, and for every POST the
// header that makes it safe to repeat.
func parameters(path, method string, named []any) []any {
	var all []any
	for _, found := range inPath.FindAllStringSubmatch(path, -1) {
		all = append(all, reference("parameters", found[1]))
	}
	for _, one := range named {
		if name, ok := one.(string); ok {
			one = reference("parameters", name)
		}
		all = append(all, one)
	}
	if method == "post" {
		all = append(all, reference("parameters", "idempotency-key"))
	}
	return all
}

// response writes out a response that is abbreviated. Nothing is the common one
// of that status, or no content; a name is a schema.
func response(components *Object, status string, value any) any {
	code, err := strconv.Atoi(status)
	if err != nil {
		return value
	}
	short := &Object{[]Member{{"description", http.StatusText(code)}}}
	switch value := value.(type) {
	case nil:
		if components.Object("responses").Object(status) != nil {
			return reference("responses", status)
		}
		return short
	case string:
		if components.Object("responses").Object(value) != nil {
			return reference("responses", value)
		}
		short.Set("content", value)
		expandContent(short)
		return short
	case *Object:
		expandContent(value)
		return value
	default:
		return value
	}
}

// usual are the statuses that operations of this kind answer with in trouble.
func usual(path, method string, operation *Object) []string {
	var statuses []string
	if len(operation.List("parameters")) > 0 || operation.Get("requestBody") != nil {
		statuses = append(statuses, "400", "422")
	}
	if len(operation.List("security")) > 0 {
		statuses = append(statuses, "401", "403", "429", "500", "503")
	}
	if strings.Contains(path, "{") {
		statuses = append(statuses, "404")
	}
	if method == "post" {
		statuses = append(statuses, "409")
	}
	if operation.Get("requestBody") != nil || method == "post" {
		statuses = append(statuses, "413")
	}
	return statuses
}

// markOurs says in words what the mark says to programs.
func markOurs(value any) {
	switch node := value.(type) {
	case *Object:
		if node.Flag(ours) {
			node.Set("description", strings.TrimSpace(node.Text("description")+"\n\n"+oursText))
		}
		for _, m := range node.Members {
			markOurs(m.Value)
		}
	case []any:
		for _, item := range node {
			markOurs(item)
		}
	}
}

// members are those of an object that may be nil.
func (o *Object) members() []Member {
	if o == nil {
		return nil
	}
	return o.Members
}

// named is a member that is an object.
type named struct {
	Name  string
	Value *Object
}

// objects are the members of an object that are objects themselves.
func objects(value any) []named {
	object, _ := value.(*Object)
	var all []named
	for _, m := range object.members() {
		if one, ok := m.Value.(*Object); ok {
			all = append(all, named{m.Name, one})
		}
	}
	return all
}
