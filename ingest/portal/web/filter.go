package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Filter is what a list is to be of: the fields above it, filled in. They have the names
// that the API has for them.
type Filter struct {
	Form

	Wrong string // why nothing could be looked for; empty: it could

	names []string
}

// Choice is one of those of a field.
type Choice struct {
	Value, Label string
	Chosen       bool
}

// choice is a field with choices, as the template "filter-select" shows it.
type choice struct {
	Name, Label string
	Choices     []Choice
}

func choose(name, label string, of []Choice) choice { return choice{name, label, of} }

// Filter reads the fields of these names from the address.
func (v *Visit) Filter(names ...string) Filter {
	query := v.Query()
	for name, values := range query {
		if trimmed := strings.TrimSpace(values[0]); trimmed == "" {
			query.Del(name)
		} else {
			query.Set(name, trimmed)
		}
	}
	return Filter{Form: Form{Values: query}, names: names}
}

// Given reports whether anything is asked for: else an empty list says that there is
// nothing at all.
func (f Filter) Given() bool { return slices.ContainsFunc(f.names, f.Values.Has) }

// Asked is the filter as the API wants it, and where in the list.
func (f Filter) Asked() url.Values {
	asked := url.Values{}
	for _, name := range append([]string{"iterator", "limit"}, f.names...) {
		if f.Values.Has(name) {
			asked.Set(name, instant(f.Value(name)))
		}
	}
	return asked
}

// Chosen is what was filled in, for the address of another page about the same.
func (f Filter) Chosen() url.Values {
	chosen := url.Values{}
	for _, name := range f.names {
		if f.Values.Has(name) {
			chosen.Set(name, f.Value(name))
		}
	}
	return chosen
}

// Refused takes what the API found wrong with a filter into it, and reports whether that
// was it. Such an error is no page of its own: what was filled in can be put right.
func (f *Filter) Refused(err error) bool {
	p, ok := problem(err)
	if !ok || p.Status != http.StatusBadRequest && p.Status != http.StatusUnprocessableEntity {
		return false
	}
	f.Wrong = p.Summary()
	return true
}

// Options are the choices of a field, of values and labels by turns.
func (f Form) Options(name string, of ...string) []Choice {
	choices := make([]Choice, 0, len(of)/2)
	for i := 0; i+1 < len(of); i += 2 {
		choices = append(choices, Choice{Value: of[i], Label: of[i+1], Chosen: f.Value(name) == of[i]})
	}
	return choices
}

// Time reads a field for a time, as the API wants it; nil where there is none.
func (f Form) Time(name string) any {
	text := strings.TrimSpace(f.Value(name))
	if text == "" {
		return nil
	}
	return instant(text)
}

// instant is a time as the API wants it, of what browsers make of a field for one,
// which has no zone: it is UTC, as all times are shown. Whatever else it is is left to
// the API to refuse.
func instant(text string) string {
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.Format(time.RFC3339)
		}
	}
	return text
}
