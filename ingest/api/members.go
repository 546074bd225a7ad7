package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// maxDepth is how deep JSON may be nested. Deeper than any document that means
// something, and what receivers' parsers commonly accept.
const maxDepth = 128

// members takes a JSON object apart into its members, whose values are parts of
// data. Unlike package json it tells what is wrong with which member, knows
// absent from null, is strict about the case of names, and refuses a name that
// comes twice: two parsers would not agree on what it means.
func members(data []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("not UTF-8")
	}
	if !json.Valid(data) {
		return nil, errors.New("not valid JSON")
	}
	return membersOf(data)
}

// membersOf is members of what is known to be valid JSON.
func membersOf(data []byte) (map[string]json.RawMessage, error) {
	s := scanner{data: data}
	if s.next() != '{' {
		return nil, errors.New("expected an object")
	}
	found := make(map[string]json.RawMessage, 8)
	s.at++
	for s.next() != '}' {
		name, err := s.name()
		if err != nil {
			return nil, err
		}
		if _, twice := found[name]; twice {
			return nil, fmt.Errorf("duplicate member %q", name)
		}
		s.next()
		s.at++ // the colon
		if found[name], err = s.value(); err != nil {
			return nil, err
		}
		if s.next() == ',' {
			s.at++
		}
	}
	return found, nil
}

// itemsOf takes an array apart, of what is known to be valid JSON.
func itemsOf(data []byte) ([]json.RawMessage, error) {
	s := scanner{data: data}
	if s.next() != '[' {
		return nil, errors.New("expected a list")
	}
	var items []json.RawMessage
	s.at++
	for s.next() != ']' {
		item, err := s.value()
		if err != nil {
			return nil, err
		}
		items = append(items, item)
		if s.next() == ',' {
			s.at++
		}
	}
	return items, nil
}

// scanner walks over valid JSON.
type scanner struct {
	data []byte
	at   int
}

// next skips white space and returns what follows.
func (s *scanner) next() byte {
	for s.data[s.at] == ' ' || s.data[s.at] == '\t' || s.data[s.at] == '\n' || s.data[s.at] == '\r' {
		s.at++
	}
	return s.data[s.at]
}

// name reads the name of a member.
func (s *scanner) name() (string, error) {
	s.next()
	from := s.at
	s.skipText()
	quoted := s.data[from:s.at]
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1]), nil
	}
	var name string
	if err := json.Unmarshal(quoted, &name); err != nil {
		return "", fmt.Errorf("read member: %w", err)
	}
	return name, nil
}

// value passes over a value and returns it.
func (s *scanner) value() (json.RawMessage, error) {
	s.next()
	from, depth := s.at, 1 // inside the object or array
	for {
		switch s.data[s.at] {
		case '"':
			s.skipText()
		case '{', '[':
			s.at++
			if depth++; depth > maxDepth {
				return nil, fmt.Errorf("nested deeper than %d", maxDepth)
			}
			continue
		case '}', ']':
			s.at++
			depth--
		case ',', ':', ' ', '\t', '\n', '\r':
			s.at++
			continue
		default:
			s.skipScalar()
		}
		if depth == 1 {
			return s.data[from:s.at:s.at], nil
		}
	}
}

// skipText passes over a string.
func (s *scanner) skipText() {
	for s.at++; s.data[s.at] != '"'; s.at++ {
		if s.data[s.at] == '\\' {
			s.at++
		}
	}
	s.at++
}

// skipScalar passes over a number, true, false or null.
func (s *scanner) skipScalar() {
	for {
		switch s.data[s.at] {
		case ',', '}', ']', ' ', '\t', '\n', '\r':
			return
		}
		s.at++
	}
}
