package web

import (
	"maps"
	"net/url"
	"strconv"
	"strings"

	"github.com/postrider/postrider/ingest/portal/client"
)

// Form is what was filled in, and what is wrong with it, by the names of the fields.
// Fields have the names that the API has for them: so what it says of "url" stands
// beside the field of that name.
type Form struct {
	Values url.Values
	Faults map[string]string
}

// Value is what stands in a field.
func (f Form) Value(name string) string { return f.Values.Get(name) }

// Fault is what is wrong with a field, or with a part of it: that of "headers.X-Key"
// stands beside "headers". Empty: nothing.
func (f Form) Fault(name string) string {
	if fault := f.Faults[name]; fault != "" {
		return fault
	}
	for place, fault := range f.Faults {
		if part, ok := strings.CutPrefix(place, name+"."); ok {
			return part + ": " + fault
		}
	}
	return ""
}

// Refused takes what the API found wrong with a form into it, and reports whether that
// was it: any other error is the caller's to return. A name that is taken is told
// beside the field that holds it.
func (f *Form) Refused(err error, unique string) bool {
	p, ok := problem(err)
	switch {
	case !ok:
		return false
	case len(p.Fields) > 0:
		f.Faults = p.Fields
	case p.Status == 409 && unique != "":
		f.Faults = map[string]string{unique: p.Detail}
	default:
		return false
	}
	return true
}

// Input is one field of a form, as the template "input" shows it.
type Input struct {
	Form                    Form
	Name, Label, Type, Help string
	Required                bool
}

// input is a field with a label. Templates add to it: (input .Form "url" "URL").Needed.
func input(form Form, name, label string) Input {
	return Input{Form: form, Name: name, Label: label, Type: "text"}
}

// Hint says what to write, beneath the field.
func (i Input) Hint(help string) Input { i.Help = help; return i }

// As is the type of the field, such as "number"; "area" is one of many lines.
func (i Input) As(kind string) Input { i.Type = kind; return i }

// Needed marks a field that must be filled in.
func (i Input) Needed() Input { i.Required = true; return i }

// Value is what stands in the field.
func (i Input) Value() string { return i.Form.Value(i.Name) }

// Fault is what is wrong with it; empty: nothing.
func (i Input) Fault() string { return i.Form.Fault(i.Name) }

// Pages lead on from one page of a list, and back.
type Pages struct{ Next, Previous string }

// PagesOf makes the links of a list that was asked for with a query, at the path of its
// page.
func PagesOf[T any](list client.List[T], path string, query url.Values) Pages {
	var p Pages
	back := strings.HasPrefix(query.Get("iterator"), "-")
	to := func(iterator *string) string {
		if iterator == nil {
			return ""
		}
		next := maps.Clone(query)
		next.Set("iterator", *iterator)
		return path + "?" + next.Encode()
	}
	if !list.Done || back {
		p.Next = to(list.Iterator)
	}
	if query.Get("iterator") != "" && (!back || !list.Done) {
		p.Previous = to(list.PrevIterator)
	}
	return p
}

// Number reads a field for a number, as the API wants it: nil where there is none, and
// what is no number as it is, so that the API says so.
func (f Form) Number(name string) any {
	text := strings.TrimSpace(f.Value(name))
	if text == "" {
		return nil
	}
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	return text
}

// List reads a field of several texts, joined by commas or on lines of their own; nil
// where there is none, which stands for what is usual.
func (f Form) List(name string) any {
	texts := strings.FieldsFunc(f.Value(name), func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' })
	if len(texts) == 0 {
		return nil
	}
	return texts
}
