package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"runtime/debug"

	"github.com/postrider/postrider/shared/store"
)

// reply is a successful answer. Without a body it is empty.
type reply struct {
	status int
	body   any
}

// call is the work on one request.
type call struct {
	*server

	Store *store.Store // that of the server, or a transaction of it
}

// handle makes a route a handler: bounded in time and size, its answer or error
// written, and what is our fault logged, here and nowhere else.
func (s *server) handle(to route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeoutCause(r.Context(), s.Timeout, errTimeout)
		defer cancel()
		r.Body = http.MaxBytesReader(w, r.Body, s.MaxBody)
		answer, err := s.safely(to, r.WithContext(ctx))
		var body []byte
		if err == nil {
			body, err = encode(answer.body)
		}
		if err == nil {
			write(w, answer.status, body)
			return
		}
		p := explain(err)
		s.logFault(r, p, err)
		maps.Copy(w.Header(), p.header)
		if body, err = encode(p.body()); err != nil {
			body = []byte("{}")
		}
		write(w, p.status, body)
	})
}

// panicked is what an operation died of.
type panicked struct {
	value any
	stack []byte
}

// Error tells it with the stack, which names functions but shows no values.
func (p *panicked) Error() string { return fmt.Sprintf("panic: %v\n%s", p.value, p.stack) }

// safely serves the request and makes a panic an error, so that one request
// cannot end all others.
func (s *server) safely(to route, r *http.Request) (answer reply, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &panicked{value: value, stack: debug.Stack()}
		}
	}()
	return s.serve(to, r)
}

// serve does the operation for whoever may have it done.
func (s *server) serve(to route, r *http.Request) (reply, error) {
	if err := s.admit(to.access, r); err != nil {
		return reply{}, err
	}
	return to.do(&call{server: s, Store: s.Store}, r)
}

// logFault writes down what is not the client's doing. A request that the client
// gave up or that came at a busy moment is nobody's fault.
func (s *server) logFault(r *http.Request, p *problem, err error) {
	if p.status < http.StatusInternalServerError || errors.Is(err, ErrOverloaded) || errors.Is(r.Context().Err(), context.Canceled) {
		return
	}
	s.Log.Error().Err(err).Str("route", r.Pattern).Int("status", p.status).Msg("request failed")
}

func encode(body any) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		return nil, fmt.Errorf("encode answer: %w", err)
	}
	return out.Bytes(), nil
}

func write(w http.ResponseWriter, status int, body []byte) {
	if body != nil {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(status)
	w.Write(body)
}
