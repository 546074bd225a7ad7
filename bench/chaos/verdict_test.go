package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/bench/receiver"
	"github.com/postrider/postrider/bench/sender"
)

// book is a ledger with a clock of its own.
type book struct {
	*ledger
	now time.Time
}

func newBook() *book { return &book{newLedger(), time.Unix(1_000_000, 0)} }

func (b *book) post(message string) {
	b.accept(sender.Acceptance{ID: message, App: "app", Payload: []byte("body of " + message), At: b.now})
}

func (b *book) attempt(message, path string, status int) {
	b.now = b.now.Add(time.Second)
	b.arrive(receiver.Delivery{ID: message, Path: path, Status: status, Body: []byte("body of " + message), At: b.now})
}

func (b *book) verdict(dead ...delivery) verdict {
	excused := map[delivery]bool{}
	for _, d := range dead {
		excused[d] = true
	}
	return b.compare(map[string][]string{"app": {"/a", "/b"}}, excused)
}

func TestNothingLost(t *testing.T) {
	t.Parallel()
	b := newBook()
	b.attempt("one", "/a", 200) // before the 202 has come
	b.post("one")
	b.attempt("one", "/b", 500)
	b.attempt("one", "/b", 0)
	b.attempt("one", "/b", 204)
	b.post("two")
	b.attempt("two", "/a", 200)
	b.attempt("two", "/b", 500)
	v := b.verdict(delivery{"two", "/b"})
	require.Equal(t, 2, v.accepted)
	require.Equal(t, 4, v.expected)
	require.Equal(t, 3, v.delivered)
	require.Equal(t, 1, v.dead)
	require.Empty(t, v.lost)
	require.Empty(t, v.changed)
	require.Empty(t, v.repeats, "what was refused is meant to come again")
	require.Zero(t, v.strangers)
	require.Zero(t, v.twins)
	require.Len(t, v.waits, 4)
}

func TestLost(t *testing.T) {
	t.Parallel()
	b := newBook()
	b.post("one")
	b.attempt("one", "/a", 200)
	b.attempt("one", "/b", 503)
	b.post("two")
	v := b.verdict()
	require.Len(t, v.lost, 3)
	require.Equal(t, missing{delivery{"one", "/b"}, "app", time.Unix(1_000_000, 0), 1}, v.lost[0])
	require.Equal(t, map[string]int{"app": 3}, v.outstanding())
}

// TestStrangers: what was stored although its 202 was lost is delivered, and no
// fault.
func TestStrangers(t *testing.T) {
	t.Parallel()
	b := newBook()
	b.attempt("unknown", "/a", 200)
	b.attempt("unknown", "/b", 200)
	b.attempt("unknown", "/b", 200)
	v := b.verdict()
	require.Zero(t, v.accepted)
	require.Equal(t, 1, v.strangers)
	require.Len(t, v.repeats, 1)
}

func TestChanged(t *testing.T) {
	t.Parallel()
	b := newBook()
	b.post("one")
	b.arrive(receiver.Delivery{ID: "one", Path: "/a", Status: 200, Body: []byte("another"), At: b.now})
	b.attempt("one", "/b", 200)
	require.Equal(t, []delivery{{"one", "/a"}}, b.verdict().changed)
}

// TestTwins: a body under two ids is a post that was taken twice, whether its
// 202 told of both or not.
func TestTwins(t *testing.T) {
	t.Parallel()
	b := newBook()
	b.post("one")
	b.arrive(receiver.Delivery{ID: "other", Path: "/a", Status: 200, Body: []byte("body of one"), At: b.now})
	require.Equal(t, 1, b.verdict().twins)
}

func TestRepeats(t *testing.T) {
	t.Parallel()
	b := newBook()
	b.post("one")
	b.attempt("one", "/a", 500)
	b.attempt("one", "/a", 200)
	b.attempt("one", "/a", 500)
	b.attempt("one", "/a", 200)
	b.attempt("one", "/b", 200)
	v := b.verdict()
	require.Len(t, v.repeats, 2, "whatever they were answered")
	for i, again := range v.repeats {
		require.Equal(t, delivery{"one", "/a"}, again.delivery)
		require.Equal(t, b.now.Add(time.Duration(-3)*time.Second), again.first.at)
		require.Equal(t, b.now.Add(time.Duration(i-2)*time.Second), again.again.at)
	}
}

func TestWaits(t *testing.T) {
	t.Parallel()
	b := newBook()
	for n := range 100 {
		message := fmt.Sprint(n)
		b.post(message)
		b.now = b.now.Add(time.Duration(n) * time.Second)
		b.attempt(message, "/a", 200)
	}
	v := b.verdict()
	require.Equal(t, 51*time.Second, v.waited(0.5))
	require.Equal(t, 100*time.Second, v.waited(1))
	require.Len(t, v.late(30*time.Second), 70)
	require.Zero(t, verdict{}.waited(0.5))
	require.Empty(t, verdict{}.late(0))
}
