package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"
)

// Format is the version of the frames below. It travels in the header
// Postrider-Format of every message; a message of a version that a stage does
// not know is left where it is.
const Format = "1"

// ErrBadFrame is returned for bytes that are not frames of this version.
var ErrBadFrame = errors.New("malformed frame")

// A frame is one line of JSON that describes an event or a delivery, a newline,
// and the payload's bytes as they came. Frames follow each other without
// separator, since the line tells the payload's size. So one message carries
// one delivery or many events, a payload is never re-encoded, and a person who
// looks into a stream can read it.
type frame struct {
	Event    string    `json:"event"`
	Tenant   string    `json:"tenant"`
	Endpoint string    `json:"endpoint,omitempty"`
	Type     string    `json:"type"`
	Channels []string  `json:"channels,omitempty"`
	Priority Priority  `json:"priority,omitempty"`
	Version  int64     `json:"version"`
	Tx       uint64    `json:"tx,omitempty"`
	Run      string    `json:"run,omitempty"`
	Missed   bool      `json:"missed,omitempty"`
	Attempt  int       `json:"attempt,omitempty"`
	Deferred int       `json:"deferred,omitempty"`
	Due      time.Time `json:"due,omitzero"`
	Expires  time.Time `json:"expires,omitzero"`
	Reason   string    `json:"reason,omitempty"`
	Recheck  bool      `json:"recheck,omitempty"`
	Round    int64     `json:"round,omitempty"`
	Trace    Trace     `json:"trace,omitempty"`
	Referred bool      `json:"referred,omitempty"`
	Size     int       `json:"size"`
}

// Append adds the event's frame to buf and returns the longer slice.
func (e *Event) Append(buf []byte) ([]byte, error) {
	f := frame{
		Event:    Message.Format(e.ID),
		Tenant:   Tenant.Format(e.Tenant),
		Type:     e.Type,
		Channels: e.Channels,
		Priority: e.Priority,
		Version:  e.Version,
		Tx:       e.Tx,
		Due:      e.DeliverAt,
		Expires:  e.Expires,
		Recheck:  e.Recheck,
		Round:    e.Round,
		Trace:    e.Trace,
		Referred: e.Referred,
	}
	if !e.Endpoint.IsZero() {
		f.Endpoint = Endpoint.Format(e.Endpoint)
	}
	return appendFrame(buf, &f, e.Payload)
}

// DecodeEvents reads the frames of one message. The payloads point into data.
// It returns ErrBadFrame, and no event, when any part cannot be read.
func DecodeEvents(data []byte) ([]Event, error) {
	var events []Event
	for len(data) > 0 {
		f, payload, rest, err := cutFrame(data)
		if err != nil {
			return nil, err
		}
		e := Event{
			Type: f.Type, Channels: f.Channels, Priority: f.Priority, Version: f.Version, Tx: f.Tx,
			DeliverAt: f.Due, Expires: f.Expires, Recheck: f.Recheck, Round: f.Round, Trace: f.Trace, Referred: f.Referred, Payload: payload,
		}
		if err := parseIDs(f, &e.ID, &e.Tenant); err != nil {
			return nil, err
		}
		if f.Endpoint != "" {
			if e.Endpoint, err = Endpoint.Parse(f.Endpoint); err != nil {
				return nil, fmt.Errorf("%w: endpoint: %w", ErrBadFrame, err)
			}
		}
		events = append(events, e)
		data = rest
	}
	return events, nil
}

// Encode returns the delivery's frame, a whole message by itself.
func (d *Delivery) Encode() ([]byte, error) {
	f := frame{
		Event:    Message.Format(d.Event),
		Tenant:   Tenant.Format(d.Tenant),
		Endpoint: Endpoint.Format(d.Endpoint),
		Type:     d.Type,
		Priority: d.Priority,
		Version:  d.Version,
		Tx:       d.Tx,
		Missed:   d.Missed,
		Attempt:  d.Attempt,
		Deferred: d.Deferrals,
		Due:      d.Due,
		Expires:  d.Expires,
		Reason:   d.Reason,
		Recheck:  d.Recheck,
		Round:    d.Round,
		Trace:    d.Trace,
		Referred: d.Referred,
	}
	if !d.Run.IsZero() {
		f.Run = Task.Format(d.Run)
	}
	return appendFrame(make([]byte, 0, 384+len(d.Payload)), &f, d.Payload)
}

// DecodeDelivery reads a message that holds one delivery. The payload points
// into data. It returns ErrBadFrame for anything else.
func DecodeDelivery(data []byte) (*Delivery, error) {
	f, payload, rest, err := cutFrame(data)
	if err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%w: %d bytes after the payload", ErrBadFrame, len(rest))
	}
	d := Delivery{
		Type: f.Type, Priority: f.Priority, Version: f.Version, Tx: f.Tx, Missed: f.Missed,
		Attempt: f.Attempt, Deferrals: f.Deferred, Due: f.Due, Expires: f.Expires,
		Reason: f.Reason, Recheck: f.Recheck, Round: f.Round, Trace: f.Trace, Referred: f.Referred, Payload: payload,
	}
	if err := parseIDs(f, &d.Event, &d.Tenant); err != nil {
		return nil, err
	}
	if d.Endpoint, err = Endpoint.Parse(f.Endpoint); err != nil {
		return nil, fmt.Errorf("%w: endpoint: %w", ErrBadFrame, err)
	}
	if f.Run != "" {
		if d.Run, err = Task.Parse(f.Run); err != nil {
			return nil, fmt.Errorf("%w: run: %w", ErrBadFrame, err)
		}
	}
	if d.Attempt < 0 || d.Attempt == 0 && d.Reason == "" { // a dead letter may be of no attempt
		return nil, fmt.Errorf("%w: attempt %d", ErrBadFrame, d.Attempt)
	}
	return &d, nil
}

func appendFrame(buf []byte, f *frame, payload []byte) ([]byte, error) {
	f.Size = len(payload)
	line, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("encode frame: %w", err)
	}
	buf = append(buf, line...)
	buf = append(buf, '\n')
	return append(buf, payload...), nil
}

func cutFrame(data []byte) (f *frame, payload, rest []byte, err error) {
	line, rest, ok := bytes.Cut(data, []byte{'\n'})
	if !ok {
		return nil, nil, nil, fmt.Errorf("%w: no line", ErrBadFrame)
	}
	f = new(frame)
	if err := json.Unmarshal(line, f); err != nil {
		return nil, nil, nil, fmt.Errorf("%w: %w", ErrBadFrame, err)
	}
	if f.Size < 0 || f.Size > len(rest) {
		return nil, nil, nil, fmt.Errorf("%w: payload of %d bytes in %d", ErrBadFrame, f.Size, len(rest))
	}
	return f, rest[:f.Size:f.Size], rest[f.Size:], nil
}

func parseIDs(f *frame, id, tenant *ID) (err error) {
	if *id, err = Message.Parse(f.Event); err != nil {
		return fmt.Errorf("%w: event: %w", ErrBadFrame, err)
	}
	if *tenant, err = Tenant.Parse(f.Tenant); err != nil {
		return fmt.Errorf("%w: tenant: %w", ErrBadFrame, err)
	}
	return nil
}

// Framed is one frame of a message as it is written, for people who look at it.
type Framed struct {
	Line    []byte // the line of JSON
	Payload []byte
}

// Frames takes a message apart into its frames. What is left where there is no frame
// comes last, as a payload, with ErrBadFrame. All of it points into data.
func Frames(data []byte) iter.Seq2[Framed, error] {
	return func(yield func(Framed, error) bool) {
		for len(data) > 0 {
			_, payload, rest, err := cutFrame(data)
			if err != nil {
				yield(Framed{Payload: data}, err)
				return
			}
			line, _, _ := bytes.Cut(data, []byte{'\n'})
			if !yield(Framed{line, payload}, nil) {
				return
			}
			data = rest
		}
	}
}

func appendInt(buf []byte, n int64) []byte { return strconv.AppendInt(buf, n, 10) }

// Recheck returns the frames of a message with the request to look up what may
// have been done with them. What is no frame is returned as it is.
func Recheck(data []byte) []byte {
	marked := make([]byte, 0, len(data)+64)
	for rest := data; len(rest) > 0; {
		f, payload, next, err := cutFrame(rest)
		if err != nil {
			return data
		}
		f.Recheck = true
		if marked, err = appendFrame(marked, f, payload); err != nil {
			return data
		}
		rest = next
	}
	return marked
}
