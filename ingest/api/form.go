package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// form is the JSON object of a request while it is read. What is wrong with it
// is collected, so that one answer tells all of it.
type form struct {
	members map[string]json.RawMessage
	at      []string // where it is in the request; nil: it is the body
	partial bool     // absent members stay as they are, and null is no way to say absent
	invalid []invalid
}

// readBody reads the body of a request as a whole.
func readBody(r *http.Request) ([]byte, error) {
	var body bytes.Buffer
	if r.ContentLength > 0 {
		body.Grow(int(min(r.ContentLength, firstRoom)) + bytes.MinRead) // as much as it has room for
	}
	if _, err := body.ReadFrom(r.Body); err != nil {
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge || errors.Is(err, ErrOverloaded) {
			return nil, err
		}
		return nil, badRequest("generic_error", "The body did not come to its end")
	}
	return body.Bytes(), nil
}

// readForm reads the body of a request as a form.
func readForm(r *http.Request) (*form, error) {
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	return parseForm(body)
}

// readOptionalForm is readForm where no body means an empty form.
func readOptionalForm(r *http.Request) (*form, error) {
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return &form{}, nil
	}
	return parseForm(body)
}

// readPatch reads the body of a request as a partial form.
func readPatch(r *http.Request) (*form, error) {
	f, err := readForm(r)
	if err != nil {
		return nil, err
	}
	f.partial = true
	return f, nil
}

func parseForm(body []byte) (*form, error) {
	found, err := members(body)
	if err != nil {
		return nil, malformed(err)
	}
	return &form{members: found}, nil
}

// malformed says that the body is no form.
func malformed(err error) error {
	return unprocessable(invalid{Loc: []string{"body"}, Msg: err.Error(), Type: typeDecode})
}

// err is the answer to what is wrong with the form, nil when nothing is.
func (f *form) err() error {
	if len(f.invalid) == 0 {
		return nil
	}
	return unprocessable(f.invalid...)
}

// place of a member in the request.
func (f *form) place(name string) []string {
	if f.at == nil {
		return []string{"body", name}
	}
	return append(slices.Clip(f.at), name)
}

// inner reads a member that is an object as a form of its own, whose faults are
// its. Nil when it is none.
func (f *form) inner(name string) *form {
	found, err := members(f.members[name])
	if err != nil {
		f.invalid = append(f.invalid, invalid{Loc: f.place(name), Msg: err.Error(), Type: typeDecode})
		return nil
	}
	return &form{members: found, at: f.place(name)}
}

// refuse says that a value is not allowed.
func (f *form) refuse(name, message string) {
	f.invalid = append(f.invalid, invalid{Loc: f.place(name), Msg: message, Type: typeValue})
}

// given reports whether a member is there and not null.
func (f *form) given(name string) bool {
	raw, ok := f.members[name]
	return ok && !isNull(raw)
}

// require says so when a member is not there. In a partial form it may be.
func (f *form) require(name string) {
	if !f.partial && !f.given(name) {
		f.invalid = append(f.invalid, invalid{Loc: f.place(name), Msg: "missing field", Type: typeDecode})
	}
}

// either returns the names by which a member of two names is given, the one that
// counts last: the first, unless only the alias has a value. What is overruled is
// read as well, so that nothing is taken that is not allowed.
func (f *form) either(name, alias string) []string {
	_, named := f.members[name]
	_, aliased := f.members[alias]
	switch {
	case !aliased:
		return []string{name}
	case !named:
		return []string{alias}
	case f.given(alias) && !f.given(name):
		return []string{name, alias}
	default:
		return []string{alias, name}
	}
}

// member reads a member into target and reports whether there was one. Null is
// like none, but an error in a partial form.
func member[T any](f *form, name string, target *T) bool {
	raw, ok := f.members[name]
	if !ok {
		return false
	}
	if !isNull(raw) {
		return decode(f, name, raw, target)
	}
	if f.partial {
		f.refuse(name, "must not be null")
	}
	return false
}

// clearable reads a member into target and reports whether there was one to be
// checked. Null makes target zero.
func clearable[T any](f *form, name string, target *T) bool {
	raw, ok := f.members[name]
	if !ok {
		return false
	}
	if isNull(raw) {
		var zero T
		*target = zero
		return false
	}
	return decode(f, name, raw, target)
}

func decode[T any](f *form, name string, raw json.RawMessage, target *T) bool {
	var value T
	if err := json.Unmarshal(raw, &value); err != nil {
		f.invalid = append(f.invalid, invalid{Loc: f.place(name), Msg: "expected " + kindOf(target), Type: typeDecode})
		return false
	}
	*target = value
	return true
}

// kindOf names a type as users of JSON do.
func kindOf(target any) string {
	switch target.(type) {
	case *string:
		return "a string"
	case *int:
		return "an integer"
	case *bool:
		return "true or false"
	case *[]string:
		return "a list of strings"
	case *map[string]*string:
		return "an object of strings"
	case *time.Time:
		return "a time as in RFC 3339"
	default:
		return fmt.Sprintf("another type than %T", target)
	}
}

func isNull(raw json.RawMessage) bool { return string(raw) == "null" }

// hasControl reports whether text has characters that no name needs, of which
// PostgreSQL cannot store the first.
func hasControl(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return r <= 0x08 })
}
