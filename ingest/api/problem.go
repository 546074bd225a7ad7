package api

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/store"
)

// problem is an answer that is an error.
type problem struct {
	status  int
	code    string
	detail  string
	invalid []invalid // instead of code and detail: what is wrong with the request
	header  http.Header
}

// invalid is one thing that is wrong with a request, and where.
type invalid struct {
	Loc  []string `json:"loc"`
	Msg  string   `json:"msg"`
	Type string   `json:"type"`
}

// The types of what can be invalid.
const (
	typeValue  = "value_error"            // understood, and not allowed
	typeDecode = "value_error.jsondecode" // not understood
)

// Error names the problem; its cause is wrapped around it where it has one.
func (p *problem) Error() string {
	if p.invalid != nil {
		return fmt.Sprintf("invalid request: %v", p.invalid)
	}
	return p.code + ": " + p.detail
}

// body of the answer.
func (p *problem) body() any {
	switch {
	case p.invalid != nil:
		return struct {
			Detail []invalid `json:"detail"`
		}{p.invalid}
	case p.code == "":
		return struct{}{}
	default:
		return struct {
			Code   string `json:"code"`
			Detail string `json:"detail"`
		}{p.code, p.detail}
	}
}

// answer is the problem as it is sent.
func (p *problem) answer() answer {
	body, err := encode(p.body())
	if err != nil {
		body = []byte("{}")
	}
	return answer{status: p.status, body: body}
}

// explain finds the answer to an error. It is the only place that does.
func explain(err error) *problem {
	var p *problem
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &tooLarge):
		return &problem{
			status: http.StatusRequestEntityTooLarge, code: "payload_too_large",
			detail: fmt.Sprintf("The body must not be longer than %d bytes", tooLarge.Limit),
		}
	case errors.Is(err, store.ErrNotFound):
		return notFound()
	case errors.Is(err, store.ErrConflict):
		return conflict("conflict", "An entity with this name already exists")
	case errors.Is(err, store.ErrUnderWay):
		return comeBack("The first request with this idempotency key is still under way")
	case errors.Is(err, ErrOverloaded):
		return comeBack("Too many requests at once")
	case errors.Is(err, ErrAway):
		return comeBack("The database is not available")
	case store.TooLong(err):
		return comeBack("This took the database too long: ask for less, for example for a shorter time between after and before")
	case errors.Is(err, bus.ErrDisconnected) || errors.Is(err, bus.ErrSilent):
		return comeBack("The queue is not available")
	case errors.Is(err, errTimeout) || store.Unavailable(err):
		return comeBack("The database is not available")
	case store.BadValue(err):
		return unprocessable(invalid{Loc: []string{"body"}, Msg: "a value cannot be stored", Type: typeValue})
	default:
		return &problem{status: http.StatusInternalServerError}
	}
}

func notFound() *problem {
	return &problem{status: http.StatusNotFound, code: "not_found", detail: "Entity not found"}
}

func unauthorized(detail string) *problem {
	return &problem{
		status: http.StatusUnauthorized, code: "authentication_failed", detail: detail,
		header: http.Header{"Www-Authenticate": {"Bearer"}},
	}
}

func forbidden() *problem {
	return &problem{status: http.StatusForbidden, code: "insufficient access", detail: "Insufficient access for the given token"}
}

func conflict(code, detail string) *problem {
	return &problem{status: http.StatusConflict, code: code, detail: detail}
}

func badRequest(code, detail string) *problem {
	return &problem{status: http.StatusBadRequest, code: code, detail: detail}
}

func unprocessable(faults ...invalid) *problem {
	return &problem{status: http.StatusUnprocessableEntity, invalid: faults}
}

// tooMany says that the caller has too much of something.
func tooMany(detail string) *problem { return tooManyFor(detail, time.Second) }

// tooManyFor says when to come back.
func tooManyFor(detail string, wait time.Duration) *problem {
	return &problem{
		status: http.StatusTooManyRequests, code: "too_many_requests", detail: detail,
		header: http.Header{"Retry-After": {seconds(wait)}},
	}
}

// comeBack says that the same request may succeed in a second.
func comeBack(detail string) *problem {
	return &problem{
		status: http.StatusServiceUnavailable, code: "unavailable", detail: detail,
		header: http.Header{"Retry-After": {"1"}},
	}
}
