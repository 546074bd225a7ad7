package api

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

const (
	defaultLimit = 50
	maxLimit     = 250
)

// params are the query parameters of a request while they are read. The first
// that is wrong is the answer. Unknown ones mean nothing.
type params struct {
	values url.Values
	fault  *problem
}

func readParams(r *http.Request) *params {
	values, err := url.ParseQuery(r.URL.RawQuery)
	p := &params{values: values}
	if err != nil {
		p.malformed("query")
	}
	return p
}

// err is the answer to what is wrong, nil when nothing is.
func (p *params) err() error {
	if p.fault == nil {
		return nil
	}
	return p.fault
}

// malformed says that a value cannot be read.
func (p *params) malformed(name string) {
	if p.fault == nil {
		p.fault = badRequest("bad_request", "Malformed query parameter: "+name)
	}
}

// wrong says what is wrong with values that can be read.
func (p *params) wrong(code, detail string) {
	if p.fault == nil {
		p.fault = badRequest(code, detail)
	}
}

// refuse says that a value is not allowed.
func (p *params) refuse(name, message string) {
	if p.fault == nil {
		p.fault = unprocessable(invalid{Loc: []string{"query", name}, Msg: message, Type: typeValue})
	}
}

func (p *params) flag(name string, otherwise bool) bool {
	switch p.values.Get(name) {
	case "":
		return otherwise
	case "true":
		return true
	case "false":
		return false
	default:
		p.malformed(name)
		return otherwise
	}
}

// number reads a number, and reports whether there is one.
func (p *params) number(name string) (int, bool) {
	text := p.values.Get(name)
	if text == "" {
		return 0, false
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		p.malformed(name)
		return 0, false
	}
	return n, true
}

func (p *params) moment(name string) time.Time {
	text := p.values.Get(name)
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		p.malformed(name)
	}
	return t
}

// name reads one name.
func (p *params) name(field string) string {
	text := p.values.Get(field)
	if text != "" && !isName(text) {
		p.refuse(field, "is not a name")
	}
	return text
}

// text reads what people write, as far as the database can hold it.
func (p *params) text(field string) string {
	text := p.values.Get(field)
	if len(text) > maxName || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		p.refuse(field, "must be at most 256 bytes of text")
		return ""
	}
	return text
}

// names reads a list in all the ways in which clients write one: a=x,y and
// a=x&a=y and a[]=x&a[]=y and a[0]=x&a[1]=y.
func (p *params) names(field string) []string {
	var names []string
	for key, values := range p.values {
		if base, _, _ := strings.Cut(key, "["); base != field {
			continue
		}
		for _, value := range values {
			names = append(names, strings.Split(value, ",")...)
		}
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == "" })
	if slices.ContainsFunc(names, func(name string) bool { return !isName(name) }) {
		p.refuse(field, "must be names of event types")
	}
	return names
}

// limit reads how many items a page may have.
func (p *params) limit() int {
	n, given := p.number("limit")
	switch {
	case !given:
		return defaultLimit
	case n < 1 || n > maxLimit:
		p.refuse("limit", "must be 1 to 250")
		return defaultLimit
	default:
		return n
	}
}

// ascending reads in which order a list is wanted.
func (p *params) ascending(otherwise bool) bool {
	switch p.values.Get("order") {
	case "":
		return otherwise
	case "ascending":
		return true
	case "descending":
		return false
	default:
		p.malformed("order")
		return otherwise
	}
}

// page reads which page of a list by id is wanted. An iterator is the id beside
// the page, with a minus when the page is before it.
func (p *params) page(kind event.Kind, ascending bool) store.Page[event.ID] {
	page := store.Page[event.ID]{Limit: p.limit(), Ascending: ascending}
	text := p.values.Get("iterator")
	if text == "" {
		return page
	}
	text, page.Back = strings.CutPrefix(text, "-")
	id, err := kind.Parse(text)
	if err != nil {
		p.refuse("iterator", "is not one of this list")
	}
	page.From = id
	return page
}

// history is page for a list of what happened, newest first. Where it is to
// begin after some time the first page is the oldest one.
func (p *params) history(kind event.Kind, after time.Time) store.Page[event.ID] {
	page := p.page(kind, false)
	if page.From.IsZero() && !after.IsZero() {
		page.Back = true
	}
	return page
}
