package api

import (
	"errors"
	"net/http"
	"time"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

const (
	maxMessageChannels = 5
	maxTags            = 5
	day                = 24 * time.Hour
	minRetention       = 5 // days
	maxRetention       = 90
	maxDelay           = day // until a message is delivered

)

// createMessage is what producers call: the hot path.
func (c *call) createMessage(r *http.Request) (reply, error) {
	p := readParams(r)
	content := p.flag("with_content", true)
	body, err := readBody(r)
	if err != nil {
		return reply{}, err
	}
	f, err := parseForm(body)
	if err != nil {
		return reply{}, err
	}
	d := newDraft(f, body)
	if d.event.IdempotencyKey, err = idempotencyKey(r.Header); err != nil {
		return reply{}, err
	}
	if err := errors.Join(f.message(&d.event), p.err()); err != nil {
		return reply{}, err
	}
	if err := c.accept(r.Context(), r.PathValue("app_id"), d); err != nil {
		return reply{}, err
	}
	return reply{http.StatusAccepted, showMessage(d.event.Posted(), content)}, d.err
}

// message reads a message into e. The payload is passed on as it stands.
func (f *form) message(e *store.NewEvent) error {
	f.require("eventType")
	if member(f, "eventType", &e.Type) {
		f.name("eventType", e.Type)
	}
	f.uid("eventId", event.Message, &e.UID)
	f.names("channels", maxMessageChannels, &e.Channels)
	f.names("tags", maxTags, &e.Tags)
	var priority string
	if clearable(f, "priority", &priority) {
		switch e.Priority = event.Priority(priority); e.Priority {
		case event.High, event.Normal, event.Low:
		default:
			f.refuse("priority", "must be high, normal or low")
		}
	}
	f.deliverAt(e)
	f.retention(e)
	f.payload(e)
	f.broughtAlong(new(store.Tenant)) // nothing wrong is taken only because it is not needed
	return f.err()
}

// deliverAt reads when the message is to be delivered.
func (f *form) deliverAt(e *store.NewEvent) {
	if !clearable(f, "deliverAt", &e.DeliverAt) {
		return
	}
	e.DeliverAt = e.DeliverAt.UTC().Truncate(time.Microsecond) // as it is stored
	if wait := time.Until(e.DeliverAt); wait <= 0 || wait > maxDelay {
		f.refuse("deliverAt", "must be in the next 24 hours")
	}
}

// retention reads how long the payload is to be kept, in days or in hours.
func (f *form) retention(e *store.NewEvent) {
	var days, hours int
	if clearable(f, "payloadRetentionPeriod", &days) && (days < minRetention || days > maxRetention) {
		f.refuse("payloadRetentionPeriod", "must be 5 to 90 days")
		return
	}
	if clearable(f, "payloadRetentionHours", &hours) && (hours < 1 || hours > maxRetention*24) {
		f.refuse("payloadRetentionHours", "must be 1 to 2160 hours")
		return
	}
	switch {
	case days > 0 && hours > 0:
		f.refuse("payloadRetentionHours", "must not come with payloadRetentionPeriod")
	case days > 0 || hours > 0:
		e.Expires = time.Now().Add(time.Duration(days)*day + time.Duration(hours)*time.Hour).UTC().Truncate(time.Microsecond)
		if e.Expires.Before(e.DeliverAt) {
			f.refuse("payloadRetentionHours", "must not end before deliverAt")
		}
	}
}

// payload reads the body that is to be delivered. A raw one goes before the
// object that stands in for it.
func (f *form) payload(e *store.NewEvent) {
	var field string
	for _, field = range f.either("payload", "data") {
		if raw := f.members[field]; f.given(field) && !isObject(raw) {
			f.refuse(field, "must be an object")
		} else {
			e.Payload = raw
		}
	}
	if f.given("transformationsParams") {
		params := f.inner("transformationsParams")
		if params == nil {
			return
		}
		var raw string
		if clearable(params, "rawPayload", &raw) {
			e.Payload = []byte(raw)
			return
		}
		f.invalid = append(f.invalid, params.invalid...)
	}
	f.require(field)
}

func uidUsed() error {
	return conflict("conflict", "A message with this eventId already exists")
}

// noTenant answers a path that names no application and cannot become one.
func noTenant(f *form, app string) error {
	if _, err := f.application(app); err != nil {
		return err
	}
	return notFound()
}

// application reads the application that a message brings along, to be made
// when there is none of the path's uid.
func (f *form) application(uid string) (*store.Tenant, error) {
	if !f.given("application") {
		return nil, notFound()
	}
	tenant := store.Tenant{ID: event.NewID()}
	f.broughtAlong(&tenant)
	if err := f.err(); err != nil {
		return nil, err
	}
	if tenant.UID == uid {
		return &tenant, nil
	}
	fault := invalid{
		Loc: []string{"body", "application", "uid"}, Msg: "must be the uid in the path", Type: "application_uid_mismatch",
	}
	if tenant.UID == "" {
		fault.Type = "application_uid_missing"
	}
	return nil, unprocessable(fault)
}

// broughtAlong reads the application that a request brings along, if it does.
func (f *form) broughtAlong(t *store.Tenant) {
	if !f.given("application") {
		return
	}
	if given := f.inner("application"); given != nil && given.tenant(t) != nil {
		f.invalid = append(f.invalid, given.invalid...)
	}
}
