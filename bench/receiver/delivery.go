package receiver

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Delivery is one attempt, as it is told to whoever observes.
type Delivery struct {
	At      time.Time
	Path    string
	ID      string // of the event: webhook-id
	Attempt int    // of this event at this path, counted here
	Status  int    // of the answer; 0 is none
	Verdict Verdict
	Took    time.Duration // since "sent" in the payload
	Timed   bool          // there was such a time
	Body    []byte
}

// shownBody is how much of a body a line shows.
const shownBody = 160

// String describes the attempt in one line. What came from outside can't leave
// it, or say anything to the terminal.
func (d Delivery) String() string {
	var line strings.Builder
	fmt.Fprintf(&line, "%s  %s  %s  ", d.At.Format("15:04:05.000"), printable(d.Path), printable(d.ID))
	if d.Attempt > 1 {
		fmt.Fprintf(&line, "attempt %d  ", d.Attempt)
	}
	fmt.Fprintf(&line, "%s  ", d.Verdict)
	if d.Status == noAnswer {
		line.WriteString("not answered  ")
	} else {
		fmt.Fprintf(&line, "answered %d  ", d.Status)
	}
	if d.Timed {
		fmt.Fprintf(&line, "after %.1f ms  ", float64(d.Took.Microseconds())/1000)
	}
	line.WriteString(printable(string(d.Body)))
	return line.String()
}

func printable(text string) string {
	cut := len(text) > shownBody
	if cut {
		text = text[:shownBody]
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(text, ""))
	if cut {
		text += "…"
	}
	return text
}
