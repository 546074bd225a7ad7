package docs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/postrider/postrider/ingest/api/openapi"
)

// maxDepth is how deep schemas are shown. No form is deeper.
const maxDepth = 4

// What the page shows, in the words of its template.
type (
	content struct {
		Title  string
		Text   []paragraph
		Groups []group
	}
	group struct {
		Name, Anchor string
		Text         []paragraph
		Operations   []operation
	}
	operation struct {
		Anchor, Method, Path, Summary, Access string
		Ours                                  bool
		Text                                  []paragraph
		Parameters                            []field
		Request                               *body
		Answers, Errors                       []body
	}
	// body is that of a request or of an answer.
	body struct {
		Status, Title string
		Fields        []field
		Example       string
	}
	// field is a parameter or a member, and what is inside of it.
	field struct {
		Name, Kind                 string
		Required, Deprecated, Ours bool
		Text                       []paragraph
		Inner                      []field
	}
	// paragraph is text, of which every second piece is code.
	paragraph []piece
	piece     struct {
		Text string
		Code bool
	}
)

// viewer makes the view of a document. The first error stays.
type viewer struct {
	document *openapi.Document
	err      error
}

func view(document *openapi.Document) (content, error) {
	v := &viewer{document: document}
	info := document.Root.Object("info")
	page := content{Title: info.Text("title") + " API", Text: paragraphs(info.Text("description"))}
	at := make(map[string]int)
	for i, tag := range document.Root.List("tags") {
		tag, _ := tag.(*openapi.Object)
		name := tag.Text("name")
		at[name] = i
		page.Groups = append(page.Groups, group{Name: name, Anchor: anchor(name), Text: paragraphs(tag.Text("description"))})
	}
	for _, path := range document.Root.Object("paths").Members {
		operations, _ := path.Value.(*openapi.Object)
		for _, method := range operations.Members {
			o, _ := method.Value.(*openapi.Object)
			tag, _ := o.List("tags")[0].(string)
			i, ok := at[tag]
			if !ok {
				return page, fmt.Errorf("there is no tag %q in the list of tags", tag)
			}
			page.Groups[i].Operations = append(page.Groups[i].Operations, v.operation(path.Name, method.Name, o))
		}
	}
	return page, v.err
}

func (v *viewer) operation(path, method string, o *openapi.Object) operation {
	shown := operation{
		Anchor: anchor(o.Text("operationId")), Method: strings.ToUpper(method), Path: path, Summary: o.Text("summary"),
		Access: access(o.List("security")), Ours: v.ours(o), Text: paragraphs(o.Text("description")),
	}
	for _, parameter := range o.List("parameters") {
		shown.Parameters = append(shown.Parameters, v.parameter(v.resolve(parameter)))
	}
	if request := o.Object("requestBody"); request != nil {
		shown.Request = v.body("", request)
	}
	for _, m := range o.Object("responses").Members {
		answer := v.body(m.Name, v.resolve(m.Value))
		if code, err := strconv.Atoi(m.Name); err == nil && code < http.StatusBadRequest {
			shown.Answers = append(shown.Answers, *answer)
			continue
		}
		answer.Fields = nil // all errors are alike
		shown.Errors = append(shown.Errors, *answer)
	}
	slices.SortFunc(shown.Answers, func(a, b body) int { return strings.Compare(a.Status, b.Status) })
	slices.SortFunc(shown.Errors, func(a, b body) int { return strings.Compare(a.Status, b.Status) })
	return shown
}

// access says who may call.
func access(security []any) string {
	switch len(security) {
	case 0:
		return "open to all"
	case 1:
		return "operators only"
	default:
		return ""
	}
}

func (v *viewer) parameter(p *openapi.Object) field {
	shown := v.field(p.Text("name"), p.Object("schema"), maxDepth)
	shown.Kind = strings.TrimSpace(p.Text("in") + " " + shown.Kind)
	shown.Required, shown.Deprecated = p.Flag("required"), p.Flag("deprecated")
	shown.Text = paragraphs(p.Text("description"))
	return shown
}

func (v *viewer) body(status string, o *openapi.Object) *body {
	shown := &body{Status: status, Title: o.Text("description")}
	content := o.Object("content")
	if content == nil {
		return shown
	}
	media, _ := content.Members[0].Value.(*openapi.Object)
	shown.Fields = v.fields(media.Object("schema"), 0)
	if example, ok := media.Lookup("example"); ok {
		shown.Example = v.pretty(example)
	}
	return shown
}

func (v *viewer) pretty(value any) string {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil && v.err == nil {
		v.err = fmt.Errorf("show example: %w", err)
	}
	return text.String()
}

// fields are the members of what a schema describes.
func (v *viewer) fields(schema *openapi.Object, depth int) []field {
	schema = v.resolve(schema)
	if schema == nil || depth > maxDepth {
		return nil
	}
	var all []field
	for _, part := range schema.List("allOf") {
		all = append(all, v.fields(v.resolve(part), depth)...)
	}
	required := schema.List("required")
	for _, m := range members(schema.Object("properties")) {
		member, _ := m.Value.(*openapi.Object)
		shown := v.field(m.Name, member, depth)
		shown.Required = slices.Contains(required, any(m.Name))
		all = append(all, shown)
	}
	return append(all, v.fields(schema.Object("items"), depth)...)
}

func (v *viewer) field(name string, schema *openapi.Object, depth int) field {
	return field{
		Name: name, Kind: v.kind(schema), Deprecated: v.attribute(schema, "deprecated") == true, Ours: v.ours(schema),
		Text: paragraphs(text(v.attribute(schema, "description"))), Inner: v.fields(schema, depth+1),
	}
}

// kind says in a few words what values there are.
func (v *viewer) kind(schema *openapi.Object) string {
	words := typeOf(v.attribute(schema, "type"))
	if items, ok := v.attribute(schema, "items").(*openapi.Object); ok {
		words = strings.Replace(words, "array", "list of "+v.kind(items), 1)
	}
	if values, ok := v.attribute(schema, "enum").([]any); ok {
		var texts []string
		for _, value := range values {
			texts = append(texts, text(value))
		}
		words = strings.Join(texts, " | ")
	}
	if format := text(v.attribute(schema, "format")); format != "" {
		words = strings.Replace(words, "string", format, 1)
	}
	for _, limit := range []struct{ name, words string }{
		{"minimum", "≥ "}, {"maximum", "≤ "}, {"minItems", "items ≥ "}, {"maxItems", "items ≤ "}, {"maxLength", "length ≤ "}, {"default", "default "},
	} {
		if value := v.attribute(schema, limit.name); value != nil {
			words += ", " + limit.words + text(value)
		}
	}
	return words
}

func typeOf(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case []any:
		var texts []string
		for _, one := range value {
			texts = append(texts, text(one))
		}
		return strings.Join(texts, " or ")
	default:
		return "any"
	}
}

// text shows a value of JSON in a sentence.
func text(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case string:
		return value
	default:
		return fmt.Sprint(value)
	}
}

func (v *viewer) ours(o *openapi.Object) bool { return v.attribute(o, "x-postrider") == true }

// attribute is what an object or the one that it refers to says.
func (v *viewer) attribute(o *openapi.Object, name string) any {
	for o != nil {
		if value, ok := o.Lookup(name); ok {
			return value
		}
		next := v.resolve(o)
		if next == o {
			return nil
		}
		o = next
	}
	return nil
}

// resolve finds the object that is meant.
func (v *viewer) resolve(value any) *openapi.Object {
	o, _ := value.(*openapi.Object)
	ref := o.Text("$ref")
	if ref == "" {
		return o
	}
	target, err := v.document.Resolve(ref)
	if err != nil && v.err == nil {
		v.err = err
	}
	return target
}

func members(o *openapi.Object) []openapi.Member {
	if o == nil {
		return nil
	}
	return o.Members
}

// paragraphs takes text apart: at empty lines, and at the marks around code.
func paragraphs(text string) []paragraph {
	var all []paragraph
	for part := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		var p paragraph
		for i, words := range strings.Split(part, "`") {
			if words != "" {
				p = append(p, piece{words, i%2 == 1})
			}
		}
		if p != nil {
			all = append(all, p)
		}
	}
	return all
}

// anchor makes a name one for links.
func anchor(name string) string {
	return strings.ToLower(strings.NewReplacer(" ", "-", ".", "-").Replace(name))
}
