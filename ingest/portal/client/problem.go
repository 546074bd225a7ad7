package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Problem is an answer of the API that is an error.
type Problem struct { //nolint:errname // the word for what an API answers (RFC 9457)
	Status     int
	Code       string            // such as "not_found"; empty with Fields
	Detail     string            // for people
	Fields     map[string]string // what is wrong with the request, by place: "url", "headers.X-Key"
	RetryAfter string            // seconds to wait; empty: not said
}

// Error names the problem.
func (p *Problem) Error() string {
	if len(p.Fields) > 0 {
		return fmt.Sprintf("api answered %d: %s", p.Status, p.Summary())
	}
	return fmt.Sprintf("api answered %d %s: %s", p.Status, p.Code, p.Detail)
}

// Summary is all that the problem says, for people.
func (p *Problem) Summary() string {
	if len(p.Fields) == 0 {
		return p.Detail
	}
	said := make([]string, 0, len(p.Fields))
	for _, place := range slices.Sorted(maps.Keys(p.Fields)) {
		said = append(said, strings.TrimPrefix(place+": "+p.Fields[place], ": "))
	}
	return strings.Join(said, "; ")
}

// Is reports whether an error is an answer of that status.
func Is(err error, status int) bool {
	p, ok := errors.AsType[*Problem](err)
	return ok && p.Status == status
}

// problemOf reads an answer that is an error, in either of the API's shapes.
func problemOf(a *answer) *Problem {
	p := &Problem{Status: a.status(), RetryAfter: a.header.Get("Retry-After")}
	var body struct {
		Code   string          `json:"code"`
		Detail json.RawMessage `json:"detail"`
	}
	if json.Unmarshal(a.body.Bytes(), &body) != nil {
		body.Detail = nil
	}
	var faults []struct {
		Loc []string `json:"loc"`
		Msg string   `json:"msg"`
	}
	p.Code = body.Code
	switch {
	case json.Unmarshal(body.Detail, &faults) == nil && len(faults) > 0:
		p.Fields = make(map[string]string, len(faults))
		for _, fault := range faults { // the first part of a place is "body", "query" or "path"
			p.Fields[strings.Join(fault.Loc[min(1, len(fault.Loc)):], ".")] = fault.Msg
		}
	case json.Unmarshal(body.Detail, &p.Detail) == nil && p.Detail != "":
	default:
		p.Detail = http.StatusText(p.Status)
	}
	return p
}
