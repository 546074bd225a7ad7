package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	svix "github.com/svix/svix-webhooks/go"
)

// world is the system as a client sees it.
type world struct {
	*svix.Svix

	ctx      context.Context //nolint:containedctx // of the program
	server   *url.URL
	token    string
	receiver string
	name     string // different for each client, since they run beside each other
	last     exchange
	steps    int
	failed   bool
}

func newWorld() (*world, error) {
	server, err := url.Parse(os.Getenv("POSTRIDER_URL"))
	if err != nil {
		return nil, fmt.Errorf("read POSTRIDER_URL: %w", err)
	}
	w := &world{
		ctx: context.Background(), server: server, token: os.Getenv("POSTRIDER_TOKEN"),
		receiver: os.Getenv("POSTRIDER_RECEIVER"), name: os.Getenv("CLIENT"),
	}
	w.Svix, err = w.as(w.token)
	return w, err
}

// as is a client with another token.
func (w *world) as(token string) (*svix.Svix, error) {
	return svix.New(token, &svix.SvixOptions{ServerUrl: w.server, HTTPClient: &http.Client{Transport: &w.last, Timeout: time.Minute}})
}

// uid is a name that no other client uses.
func (w *world) uid(name string) string { return w.name + "." + name }

func statusOf(err error) int {
	if answer, ok := errors.AsType[*svix.Error](err); ok {
		return answer.Status()
	}
	return 0
}

// exchange is the last request and its answer, for whoever looks for a fault.
type exchange struct{ request, answer string }

// RoundTrip implements http.RoundTripper.
func (e *exchange) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent []byte
	if r.Body != nil {
		sent, _ = io.ReadAll(r.Body)
		_ = r.Body.Close()
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	e.request = fmt.Sprintf("%s %s %s", r.Method, r.URL.RequestURI(), sent)
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		e.answer = err.Error()
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(body))
	e.answer = fmt.Sprintf("%d %s", response.StatusCode, bytes.TrimSpace(body))
	return response, err
}

// String shows both.
func (e exchange) String() string { return "  request: " + e.request + "\n  answer:  " + e.answer }

// hook is an endpoint's URL at the receiver.
func (w *world) hook(name string) string { return w.receiver + "/hook/" + w.uid(name) }

// atReceiver asks the receiver itself.
func (w *world) atReceiver(method, path, body string) []byte {
	request := got(http.NewRequestWithContext(w.ctx, method, w.receiver+path, strings.NewReader(body)))
	response, err := http.DefaultClient.Do(request)
	must(err)
	defer func() { _ = response.Body.Close() }()
	answer := got(io.ReadAll(response.Body))
	check(response.StatusCode == http.StatusOK, "receiver, %s: %s", path, bytes.TrimSpace(answer))
	return answer
}

// answers sets the status that deliveries to a hook get.
func (w *world) answers(name string, status int) {
	w.atReceiver(http.MethodPut, "/answer/"+w.uid(name), strconv.Itoa(status))
}

// delivery is what arrived.
type delivery struct {
	Headers map[string]string
	Body    string
}

func (d delivery) header() http.Header {
	h := make(http.Header)
	for name, value := range d.Headers {
		h.Set(name, value)
	}
	return h
}

// arrived waits until a hook has got n deliveries, and returns all that it got.
func (w *world) arrived(name string, n int) []delivery {
	var all []delivery
	must(json.Unmarshal(w.atReceiver(http.MethodGet, fmt.Sprintf("/got/%s?n=%d", w.uid(name), n), ""), &all))
	return all
}

// until asks again, a hundred times at most, until ok.
func until(what string, ok func() bool) {
	for range 100 {
		if ok() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	check(false, "never: %s", what)
}

// nextSecond waits until the next second begins, and returns when that was:
// the library sends times without their fraction.
func nextSecond() time.Time {
	next := time.Now().Truncate(time.Second).Add(time.Second)
	time.Sleep(time.Until(next))
	return next
}

// page is what a list's answer says, whatever it lists.
type page struct {
	ids        []string
	next, back *string
	done       bool
}

// walk goes through a list in pages of two, forward and then back, and checks
// that both ways show the same ids. It returns those that are ours: other
// clients make and delete what is of no application at the same time.
func walk(ours []string, list func(limit *uint64, iterator *string) page) []string {
	var all []string
	var last page // that has anything: its successor may have been deleted
	for at, pages := (page{}), 0; !at.done; pages++ {
		check(pages < 100, "the list has no end")
		at = list(new(uint64(2)), at.next)
		check(at.done || len(at.ids) == 2, "a page of %d that is not the last", len(at.ids))
		all = append(all, at.ids...)
		if len(at.ids) > 0 {
			last = at
		}
	}
	back := slices.Clone(last.ids)
	for at := (page{back: last.back}); !at.done && at.back != nil; {
		at = list(new(uint64(2)), at.back)
		back = slices.Concat(at.ids, back)
	}
	others := func(id string) bool { return !slices.Contains(ours, id) }
	all, back = slices.DeleteFunc(all, others), slices.DeleteFunc(back, others)
	sameList(all, back, "walked back")
	return all
}

func sameList(want, have []string, what string) {
	check(slices.Equal(want, have), "%s: want %v, got %v", what, want, have)
}

// reversed is a copy in the opposite order.
func reversed(all []string) []string {
	all = slices.Clone(all)
	slices.Reverse(all)
	return all
}

func ids[T any](items []T, id func(*T) string) []string {
	var all []string
	for i := range items {
		all = append(all, id(&items[i]))
	}
	return all
}
