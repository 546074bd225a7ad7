package deliver

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/store"
)

// What is kept of the headers of an answer, of which a receiver may send 32 KiB. Of
// what is sent everything is kept: the API bounds that.
const (
	keptHeaders     = 64
	keptHeaderBytes = 4 << 10 // names and values
)

// mask stands for a value of the answer that nobody is to see.
const mask = "xxxxx"

// keeping says of which attempts headers are kept.
type keeping string

// The ways to keep headers.
const (
	keepFailed keeping = "failed" // where people look for them; what succeeds costs nothing
	keepAll    keeping = "all"
	keepNone   keeping = "none"
)

func (k keeping) validate() error {
	switch k {
	case keepFailed, keepAll, keepNone:
		return nil
	default:
		return fmt.Errorf("keep-headers is %q: must be failed, all or none", string(k))
	}
}

func (k keeping) wants(o Outcome) bool { return k == keepAll || k == keepFailed && o != Success }

// headers is what may be kept of those of a call, for as long as they are at hand;
// nil when it has reached nobody. Own are the endpoint's, of which the names are kept
// only: they are secrets.
func (a *attempt) headers(own map[string]secret.String) *store.AttemptHeaders {
	if a.request == nil {
		return nil
	}
	kept := &store.AttemptHeaders{Sent: make(map[string]string, len(a.request.Header))}
	for name, values := range a.request.Header {
		if _, is := own[name]; is || name == "Authorization" {
			kept.Hidden = append(kept.Hidden, name)
			continue
		}
		kept.Sent[name] = strings.Join(values, ", ")
	}
	if a.request.URL.User != nil && !slices.Contains(kept.Hidden, "Authorization") {
		kept.Hidden = append(kept.Hidden, "Authorization") // which package net/http makes of it
	}
	slices.Sort(kept.Hidden)
	if a.answered != nil {
		kept.Answered, kept.Cut = answeredWith(a.answered)
	}
	return kept
}

// answeredWith is what is kept of the headers of an answer, and whether that is not
// all. One that is too long is left out whole: half a value would be another one.
func answeredWith(h http.Header) (kept []store.Header, cut bool) {
	kept = []store.Header{}
	room := keptHeaderBytes
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			if secret.InHeader(name) {
				value = mask
			}
			header := store.Header{harmless(name), harmless(value)}
			if size := len(header[0]) + len(header[1]); len(kept) < keptHeaders && size <= room {
				kept, room = append(kept, header), room-size
			} else {
				cut = true
			}
		}
	}
	return kept, cut
}

// harmless is text that the database takes and that shows on a page as what it is: a
// receiver may send any bytes.
func harmless(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return utf8.RuneError
	}, text)
}

// unsent reports whether a call has failed before anything of it was sent.
func unsent(err error) bool {
	switch decideError(err) {
	case Blocked, DNS, TLS, Proxy:
		return true
	default:
		network, ok := errors.AsType[*net.OpError](err)
		return ok && network.Op == "dial"
	}
}
