package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
)

// maxFrames is how many events of a batch are shown.
const maxFrames = 10

// peeking is how many of which messages are to be shown.
type peeking struct {
	n       int
	subject string
	newest  bool
	payload bool
}

// peek shows messages as they are stored.
func peek() *command {
	p := peeking{n: 5, subject: ">"}
	return look("peek", "STREAM", "show some messages: subject, headers and what they are about",
		`It takes nothing away and holds nothing up. The oldest come first, or the newest with
-newest. Payloads are your customers' business and shown only with -payload.

  postrider streams peek DLQ -newest
  postrider streams peek DLQ -subject 'dlq.poison.>'
  postrider streams peek RETRY -subject retry.2m -n 1`,
		func(fs *flag.FlagSet) {
			fs.IntVar(&p.n, "n", p.n, "how many `messages` to show, at most")
			fs.StringVar(&p.subject, "subject", p.subject, "`subject` of what to show, with * for a part of it and > for the rest")
			fs.BoolVar(&p.newest, "newest", false, fmt.Sprintf("show the newest first, of the last %d places of the stream", bus.PeekBack))
			fs.BoolVar(&p.payload, "payload", false, "show payloads too")
		},
		func(ctx context.Context, v *viewer, c *call) error {
			found, err := v.named(c.words[0])
			if err != nil {
				return err
			}
			return v.peek(ctx, c.out, found, p)
		})
}

func (v *viewer) peek(ctx context.Context, out io.Writer, found []bus.StreamState, p peeking) error {
	shown := 0
	for _, s := range found {
		for m, err := range v.Peek(ctx, s.Name, bus.SubjectIn(s.Name, p.subject), p.newest) {
			if err != nil {
				return err
			}
			if shown == p.n {
				return nil
			}
			shown++
			if err := v.print(out, m, p.payload); err != nil {
				return err
			}
		}
	}
	if shown == 0 {
		_, err := fmt.Fprintln(out, "no messages")
		return err
	}
	return nil
}

// print shows a message: where it is and since when, its headers, the first line of
// each frame, and if wanted the payloads.
func (v *viewer) print(out io.Writer, m *bus.Peeked, payload bool) error {
	var text bytes.Buffer
	_, _ = fmt.Fprintf(&text, "%s %d  %s\n", m.Stream, m.Sequence, m.Subject)
	_, _ = fmt.Fprintf(&text, "  stored %s, %s ago\n", m.At.UTC().Format(time.RFC3339Nano), age(v.now, m.At))
	for _, name := range slices.Sorted(maps.Keys(m.Header)) {
		for _, value := range m.Header[name] {
			_, _ = fmt.Fprintf(&text, "  %s: %s\n", name, printable([]byte(value)))
		}
	}
	n := 0
	for frame, err := range event.Frames(m.Data) {
		switch n++; {
		case n > maxFrames:
			continue
		case err != nil && !payload:
			_, _ = fmt.Fprintf(&text, "  %d bytes that are no frame (-payload shows them)\n", len(frame.Payload))
		case err != nil:
			_, _ = fmt.Fprintf(&text, "  no frame: %q\n", frame.Payload)
		case payload:
			_, _ = fmt.Fprintf(&text, "  %s\n  %s\n", printable(frame.Line), printable(frame.Payload))
		default:
			_, _ = fmt.Fprintf(&text, "  %s\n", printable(frame.Line))
		}
	}
	if n > maxFrames {
		_, _ = fmt.Fprintf(&text, "  and %d more\n", n-maxFrames)
	}
	text.WriteByte('\n')
	_, err := text.WriteTo(out)
	return err
}

// printable is the text as it is, or quoted where it might do something to a terminal.
func printable(text []byte) string {
	bad := func(r rune) bool {
		return !unicode.IsPrint(r) && !unicode.IsSpace(r) || r == utf8.RuneError || r == '\r'
	}
	if bytes.IndexFunc(text, bad) >= 0 {
		return strconv.Quote(string(text))
	}
	return string(text)
}
