// Command go does with one version of Svix's Go library all that its users do,
// and checks what it gets. It is built several times: go.mod requires the newest
// version and the other .mod files older ones; what differs between them is in
// the files at_….go. POSTRIDER_URL, POSTRIDER_TOKEN and POSTRIDER_RECEIVER say
// where everything is.
package main

import (
	"fmt"
	"os"
	"strings"
)

func main() {
	w, err := newWorld()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	parts := []func(*world){
		applications, eventTypes, endpoints, secrets, headers, messages, idempotency, deliveries,
		portal, sendExample, operational,
	}
	for _, part := range append(parts, newer...) {
		part(w)
		if w.failed {
			os.Exit(1)
		}
	}
	fmt.Printf("all %d steps pass\n", w.steps)
}

// failure is why a step ended.
type failure struct{ text string }

// step does one thing that users do. After one that failed no other is done,
// since most of them stand on what was done before.
func (w *world) step(name string, do func()) {
	if w.failed {
		return
	}
	defer func() {
		switch reason := recover().(type) {
		case nil:
			w.steps++
			fmt.Println("ok  ", name)
		case failure:
			w.failed = true
			fmt.Printf("FAIL %s: %s\n%s\n", name, reason.text, w.last)
		default:
			panic(reason)
		}
	}()
	do()
}

// check fails the step unless ok.
func check(ok bool, format string, args ...any) {
	if !ok {
		panic(failure{fmt.Sprintf(format, args...)})
	}
}

// must fails the step on an error.
func must(err error) {
	if err != nil {
		panic(failure{strings.TrimSpace(err.Error())})
	}
}

// got fails the step on an error, and is the value where there is none.
func got[T any](value T, err error) T {
	must(err)
	return value
}

// same fails the step unless both are equal.
func same[T comparable](want, have T, what string) {
	check(want == have, "%s: want %v, got %v", what, want, have)
}

// refused fails the step unless the error is an answer with that status.
func refused(status int, err error) {
	check(err != nil, "want status %d, got no error", status)
	have := statusOf(err)
	check(have == status, "want status %d, got %d (%v)", status, have, err)
}
