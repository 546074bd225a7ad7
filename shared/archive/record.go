package archive

import (
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

// Event is a message that was accepted, in the words of the API.
type Event struct {
	ID            string    `json:"id"`
	ApplicationID string    `json:"applicationId"`
	EventType     string    `json:"eventType"`
	EventID       string    `json:"eventId,omitempty"` // the producer's own
	Channels      []string  `json:"channels,omitempty"`
	Tags          []string  `json:"tags,omitempty"`
	EndpointID    string    `json:"endpointId,omitempty"` // the only one that it was for
	Priority      string    `json:"priority,omitempty"`
	Timestamp     time.Time `json:"timestamp"`
	DeliverAt     time.Time `json:"deliverAt,omitzero"`
	Payload       Bytes     `json:"payload,omitempty"`  // as it came
	Expunged      bool      `json:"expunged,omitempty"` // there is no payload to be kept
}

// Attempt is one call of an endpoint.
type Attempt struct {
	ID            string    `json:"id"`
	MessageID     string    `json:"messageId"`
	ApplicationID string    `json:"applicationId"`
	EndpointID    string    `json:"endpointId"`
	TaskID        string    `json:"taskId,omitempty"` // that caused it
	Attempt       int       `json:"attempt"`          // from 1 for each task and for the message itself
	Timestamp     time.Time `json:"timestamp"`
	Outcome       string    `json:"outcome"`
	NextAttempt   time.Time `json:"nextAttempt,omitzero"`
	StatusCode    int       `json:"statusCode,omitempty"` // none: there was no answer
	DurationMs    int64     `json:"durationMs"`
	URL           string    `json:"url"`
	Response      Bytes     `json:"response,omitempty"` // the answer's body, or what went wrong
	Lane          string    `json:"lane,omitempty"`
	QueuedAt      time.Time `json:"queuedAt,omitzero"`
	Headers       *Headers  `json:"headers,omitempty"` // if they were kept
}

// Headers are those of an attempt, without secrets.
type Headers struct {
	Sensitive       []string          `json:"sensitive,omitempty"` // names of those that were sent, too
	SentHeaders     map[string]string `json:"sentHeaders"`
	ResponseHeaders []store.Header    `json:"responseHeaders,omitempty"`
	Truncated       bool              `json:"truncated,omitempty"` // more came, or longer ones
}

// DeadLetter is a delivery that was given up.
type DeadLetter struct {
	MessageID     string    `json:"messageId"`
	ApplicationID string    `json:"applicationId"`
	EndpointID    string    `json:"endpointId"`
	EventType     string    `json:"eventType"`
	Reason        string    `json:"reason"`
	Attempts      int       `json:"attempts"` // made in the last run; 0: it was not even tried
	DiedAt        time.Time `json:"diedAt"`
	TaskID        string    `json:"taskId,omitempty"` // of the last run
}

// Bytes are written as text where they are valid UTF-8, which keeps every byte,
// and as {"base64": "…"} where not.
type Bytes []byte

// MarshalJSON implements json.Marshaler.
func (b Bytes) MarshalJSON() ([]byte, error) {
	if utf8.Valid(b) {
		return json.Marshal(string(b))
	}
	return json.Marshal(encoded{b})
}

// UnmarshalJSON implements json.Unmarshaler.
func (b *Bytes) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		*b = Bytes(text)
		return nil
	}
	var e encoded
	err := json.Unmarshal(data, &e)
	*b = e.Base64
	return err
}

type encoded struct {
	Base64 []byte `json:"base64"`
}

func recordEvent(p *store.Posted) (record any, key store.Key) {
	return &Event{
		ID:            event.Message.Format(p.ID),
		ApplicationID: event.Tenant.Format(p.Tenant),
		EventType:     p.Type,
		EventID:       p.UID,
		Channels:      p.Channels,
		Tags:          p.Tags,
		EndpointID:    formatted(event.Endpoint, p.Endpoint),
		Priority:      string(p.Priority),
		Timestamp:     p.ID.Time(),
		DeliverAt:     p.DeliverAt.UTC(),
		Payload:       p.Payload,
		Expunged:      p.Expunged,
	}, store.Key{p.Tenant, p.ID}
}

func recordAttempt(a *store.Attempt) (record any, key store.Key) {
	return &Attempt{
		ID:            event.Attempt.Format(a.ID),
		MessageID:     event.Message.Format(a.Event),
		ApplicationID: event.Tenant.Format(a.Tenant),
		EndpointID:    event.Endpoint.Format(a.Endpoint),
		TaskID:        formatted(event.Task, a.Run),
		Attempt:       a.Number,
		Timestamp:     a.ID.Time(),
		Outcome:       a.Outcome,
		NextAttempt:   a.NextAt.UTC(),
		StatusCode:    a.StatusCode,
		DurationMs:    a.Duration.Milliseconds(),
		URL:           a.URL,
		Response:      a.Response,
		Lane:          a.Lane,
		QueuedAt:      a.QueuedAt.UTC(),
		Headers:       recordHeaders(a.Headers),
	}, store.Key{a.Event, a.Endpoint, a.ID}
}

func recordHeaders(h *store.AttemptHeaders) *Headers {
	if h == nil {
		return nil
	}
	return &Headers{Sensitive: h.Hidden, SentHeaders: h.Sent, ResponseHeaders: h.Answered, Truncated: h.Cut}
}

func recordDeadLetter(l *store.DeadLetter) (record any, key store.Key) {
	return &DeadLetter{
		MessageID:     event.Message.Format(l.Event),
		ApplicationID: event.Tenant.Format(l.Tenant),
		EndpointID:    event.Endpoint.Format(l.Endpoint),
		EventType:     l.Type,
		Reason:        l.Reason,
		Attempts:      l.Attempts,
		DiedAt:        l.DiedAt.UTC(),
		TaskID:        formatted(event.Task, l.Run),
	}, store.Key{l.Endpoint, l.Event}
}

// formatted is the text of an id, empty for none.
func formatted(k event.Kind, id event.ID) string {
	if id.IsZero() {
		return ""
	}
	return k.Format(id)
}
