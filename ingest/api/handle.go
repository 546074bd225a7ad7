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
	"strconv"

	"github.com/postrider/postrider/shared/service"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/trace"
)

// reply is a successful answer. Without a body it is empty; with one that is a
// stream it goes on.
type reply struct {
	status int
	body   any
}

// answer is a reply as it is sent.
type answer struct {
	status int
	body   []byte
	stream stream // instead of the body; nil: none
}

// call is the work on one request.
type call struct {
	*server

	Store  *store.Store // that of the server, or a transaction of it
	caller *caller

	after []func(context.Context)
	again *problem // what a repetition is answered; nil: the same as the first time
}

// afterwards has something done once the operation has succeeded and what it
// stored is committed, before the answer is sent. It may never be done: when the
// process dies just then.
func (c *call) afterwards(do func(context.Context)) { c.after = append(c.after, do) }

// within has work done in one transaction, which c.Store is meanwhile.
func (c *call) within(ctx context.Context, work func() error) error {
	outside := c.Store
	defer func() { c.Store = outside }()
	return outside.Within(ctx, func(s *store.Store) error {
		c.Store = s
		return work()
	})
}

// secretly says that the answer must not be kept, because it shows a secret that
// is shown only once. A repetition of the request is told so.
func (c *call) secretly(detail string) { c.again = conflict("conflict", detail) }

// handle makes a route a handler: bounded in time and size, its answer or error
// written, and what is our fault logged, here and nowhere else.
func (s *server) handle(to route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeoutCause(r.Context(), s.Timeout, errTimeout)
		defer cancel()
		span := s.begin(to, r)
		defer span.End("")
		r = r.WithContext(trace.With(ctx, span))
		b := s.room.body(w, r, s.limitOf(to))
		defer b.leave()
		r.Body = b
		leave, err := s.enter(to)
		defer leave()
		var a answer
		if err == nil {
			a, err = s.safely(to, r, w.Header())
		}
		if err != nil {
			p := explain(err)
			s.logFault(r, p, err)
			maps.Copy(w.Header(), p.header)
			a = p.answer()
		}
		span.Outcome(a.status, fault(a.status))
		if !b.ended && r.ProtoMajor == 1 {
			w.Header().Set("Connection", "close") // or the server would wait for the rest before it answers
		}
		if a.stream != nil {
			s.run(w, r, a)
			return
		}
		write(w, a)
	})
}

// begin begins the span of a request, if it is traced. What asks how this process is
// would be most of what there is.
func (s *server) begin(to route, r *http.Request) trace.Span {
	if to.access == forAll {
		return trace.Span{}
	}
	return s.Traces.Begin(r)
}

// fault names what is not the caller's doing, for a span.
func fault(status int) string {
	if status < http.StatusInternalServerError {
		return ""
	}
	return strconv.Itoa(status)
}

// enter lets a request in, or says why not. What asks how this process is gets its
// answer in any case.
func (s *server) enter(to route) (leave func(), err error) {
	leave = func() {}
	if to.access == forAll {
		return leave, nil
	}
	if err = s.Gate(); err == nil {
		leave, err = s.room.enter()
	}
	if err != nil {
		s.Refused()
	}
	return leave, err
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
func (s *server) safely(to route, r *http.Request, header http.Header) (a answer, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &panicked{value: value, stack: debug.Stack()}
		}
	}()
	return s.serve(to, r, header)
}

// serve does the operation for whoever may have it done.
func (s *server) serve(to route, r *http.Request, header http.Header) (answer, error) {
	by, err := s.admit(to, r, header)
	if err != nil {
		return answer{}, err
	}
	c := &call{server: s, Store: s.Store, caller: by}
	if to.access != forAll && !to.isOfApplication() { // else it sees nothing, or nothing before it is known of which
		if c.Store, err = s.Store.ForAll(r.Context()); err != nil {
			return answer{}, err
		}
	}
	a, err := c.once(to, r)
	if err != nil {
		return answer{}, err
	}
	for _, do := range c.after {
		do(r.Context())
	}
	return a, nil
}

// perform does the operation and makes its reply what is sent.
func (c *call) perform(to route, r *http.Request) (answer, error) {
	rep, err := to.do(c, r)
	if err != nil {
		return answer{}, err
	}
	if flowing, ok := rep.body.(stream); ok {
		return answer{status: rep.status, stream: flowing}, nil
	}
	body, err := encode(rep.body)
	return answer{status: rep.status, body: body}, err
}

// logFault writes down what is not the client's doing. A request that the client
// gave up or that came at a busy moment is nobody's fault.
func (s *server) logFault(r *http.Request, p *problem, err error) {
	if p.status < http.StatusInternalServerError || errors.Is(err, ErrOverloaded) || errors.Is(err, ErrAway) || errors.Is(r.Context().Err(), context.Canceled) {
		return
	}
	s.Log.Error().Err(err).EmbedObject(service.Fields{Trace: trace.From(r.Context()).Or("")}).Str("route", r.Pattern).Int("status", p.status).Msg("request failed")
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

func write(w http.ResponseWriter, a answer) {
	if a.body != nil {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(a.status)
	w.Write(a.body)
}
