package member

import (
	"bytes"
	"context"
	"encoding/json"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
)

// messageView is one message.
type messageView struct {
	client.Message

	Content  content
	Progress progress
	Live     string // address of what becomes of it
}

// progress is what became of a message so far.
type progress struct {
	ID           string // of the message
	Destinations []destination
	Steps        []step
	More         bool // there was more than is told
	Settled      bool // nothing more will become of it by itself
}

// destination is an endpoint with what became of the message there.
type destination struct {
	client.Destination

	State web.State
	Late  bool // its next attempt is due, and waits for something else, such as an open breaker
}

// step is one of the timeline.
type step struct {
	client.Step

	Time     string // to the millisecond; empty: not known yet
	State    web.State
	What     string
	Endpoint string // empty: it is of the message itself
	Attempt  string // path of the attempt; empty: it was none
}

// watched is in the address of a message after something was done with it: it is worth
// looking at for longer.
const watched = "watch"

func showMessage(v *web.Visit) error {
	m, err := v.API.Message(v.Context(), v.App, v.Value("message"))
	if err != nil {
		return err
	}
	view := messageView{Message: m, Content: contentOf(string(m.Payload), v.Query().Has("whole")), Live: messagePath(m.ID, "live")}
	if v.Query().Has(watched) {
		view.Live += "?" + watched
	}
	if view.Progress, err = progressOf(v.Context(), v, m.ID); err != nil {
		return err
	}
	return v.Render("message", view)
}

// followInterval is how often a page looks whether there is something new.
const followInterval = time.Second

// followMessage shows what becomes of a message as long as something may. What has not
// changed is left alone: it may be just where the visitor is.
func followMessage(v *web.Visit) error {
	m, err := v.API.Message(v.Context(), v.App, v.Value("message"))
	if err != nil {
		return err
	}
	watching := v.Query().Has(watched)
	var last progress
	return v.Live(followInterval, func(ctx context.Context, live *web.Live) error {
		now, err := progressOf(ctx, v, m.ID)
		if err != nil {
			return err
		}
		if !reflect.DeepEqual(now, last) {
			last = now
			if err := live.Send("progress", "message", "progress", now); err != nil {
				return err
			}
		}
		if now.Settled && !watching {
			return live.Send("done", "message", "done", nil)
		}
		return nil
	})
}

func resendMessage(v *web.Visit) error {
	id := v.Value("message")
	if err := v.API.Resend(v.Context(), v.App, id, v.Form().Value("endpoint")); err != nil {
		return err
	}
	return v.Redirect(messagePath(id)+"?"+watched, "It is on its way once more. What becomes of it is shown here.")
}

// progressOf asks what became of a message.
func progressOf(ctx context.Context, v *web.Visit, id string) (progress, error) {
	p := progress{ID: id}
	timeline, err := v.API.Timeline(ctx, v.App, id)
	if err != nil {
		return p, err
	}
	destinations, err := v.API.Destinations(ctx, v.App, id, url.Values{"limit": {"250"}})
	if err != nil {
		return p, err
	}
	urls, err := endpointURLs(ctx, v)
	if err != nil {
		return p, err
	}
	settled := true
	for _, d := range destinations.Data {
		urls.of[d.ID] = d.URL
		p.Destinations = append(p.Destinations, destination{d, deliveryState(d.StatusText), d.NextAttempt != nil && d.NextAttempt.Before(time.Now())})
		settled = settled && d.NextAttempt == nil
	}
	published := false
	for _, s := range timeline.Data {
		published = published || s.Step == "published"
		if s.Step == "pending" && s.EndpointID != nil {
			settled = false
			p.Destinations = append(p.Destinations, destination{Destination: client.Destination{ID: *s.EndpointID, URL: urls.name(*s.EndpointID)}, State: deliveryState(s.Step)})
		}
		p.Steps = append(p.Steps, stepOf(id, s, urls))
	}
	p.Settled = settled && published
	p.More = !timeline.Done || !destinations.Done
	return p, nil
}

// deliveryState is what became of a message at an endpoint.
func deliveryState(text string) web.State {
	switch text {
	case "success":
		return web.Good("Delivered")
	case "sending":
		return web.Warn("To be tried again")
	case "fail":
		return web.Bad("Given up")
	default:
		return web.Busy("On its way")
	}
}

// stepOf puts a step into words.
func stepOf(message string, s client.Step, urls addresses) step {
	shown := step{Step: s}
	if s.At != nil {
		shown.Time = s.At.UTC().Format("2006-01-02 15:04:05.000")
	}
	if s.EndpointID != nil {
		shown.Endpoint = urls.name(*s.EndpointID)
	}
	if s.AttemptID != "" {
		shown.Attempt = messagePath(message, "attempts", s.AttemptID)
	}
	switch s.Step {
	case "accepted":
		shown.State, shown.What = web.Good("Accepted"), "It was stored, and whoever posted it was told so."
	case "published":
		shown.State, shown.What = web.Good("Published"), "Handed on, to find the endpoints that want it."
	case "queued":
		shown.State = web.Busy("Queued")
	case "attempt":
		shown.State, shown.What = web.Bad("Failed"), web.Outcome(s.Outcome)
		if s.Outcome == "success" {
			shown.State, shown.What = web.Good("Delivered"), ""
		}
	case "not_sent":
		shown.State, shown.What = web.Off("Not sent"), web.Outcome(s.Outcome)
	case "scheduled":
		shown.State = web.Warn("Waits")
	case "dead":
		shown.State, shown.What = web.Bad("Given up"), web.Outcome(s.Outcome)
	case "pending":
		shown.State, shown.What = web.Busy("On its way"), "Not tried yet."
	default:
		shown.State = web.Off(s.Step)
	}
	return shown
}

// content is a text that others have written, as it is shown.
type content struct {
	Text  string
	Bytes int64
	Cut   bool // only the beginning is shown
}

// contentShown is the most that is shown of a content at once, in bytes.
const contentShown = 32 << 10

// contentOf shows a text, JSON with its members beneath each other.
func contentOf(text string, whole bool) content {
	c := content{Bytes: int64(len(text))}
	var out bytes.Buffer
	if json.Indent(&out, []byte(text), "", "  ") == nil {
		text = out.String()
	}
	if len(text) > contentShown && !whole {
		text, c.Cut = strings.ToValidUTF8(text[:contentShown], ""), true
	}
	c.Text = text
	return c
}

// Expired reports whether the payload was removed.
func (v messageView) Expired() bool {
	return slices.Contains([]string{`{"expired":true}`, `{"expired": true}`}, string(v.Payload))
}
