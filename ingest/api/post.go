package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
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

	// acceptTries bounds how often an event is offered again because what it ran
	// into was gone when we looked.
	acceptTries = 3
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
	var e store.NewEvent
	fingerprint := sha256.Sum256(body)
	e.Fingerprint = fingerprint[:]
	if e.IdempotencyKey, err = idempotencyKey(r.Header); err != nil {
		return reply{}, err
	}
	if err := errors.Join(f.message(&e), p.err()); err != nil {
		return reply{}, err
	}
	if err := c.accept(r.Context(), r.PathValue("app_id"), f, &e); err != nil {
		return reply{}, err
	}
	return reply{http.StatusAccepted, showMessage(e.Posted(), content)}, nil
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

// accept has the event accepted for the application that the path names, or
// says why it is not. When the same request was accepted before, e becomes the
// event of that time.
func (c *call) accept(ctx context.Context, app string, f *form, e *store.NewEvent) error {
	ref, err := refOf(event.Tenant, app)
	if err != nil {
		return noTenant(f, app)
	}
	e.TenantUID = ref.UID
	if e.Expires.After(time.Now().Add(c.Retention)) {
		e.Expires = time.Time{} // it is gone before that
	}
	for range acceptTries {
		if e.Tenant, err = c.addressee(ctx, ref, f); err != nil {
			return err
		}
		e.ID = event.NewID()
		refusal, err := c.Acceptor.Accept(ctx, e)
		if err != nil {
			return err
		}
		switch refusal {
		case store.Accepted:
			return nil
		case store.UIDUsed:
			return uidUsed()
		case store.KeyUsed:
			if err := c.repeat(ctx, e); !errors.Is(err, store.ErrNotFound) {
				return err
			}
		case store.NoTenant:
			if !ref.ID.IsZero() {
				return noTenant(f, app)
			}
			c.Names.Forget(ref.UID)
		default:
			return fmt.Errorf("accept event: unknown refusal %d", refusal)
		}
	}
	return comeBack("The message ran into changes, try again")
}

// repeat makes e the event that came with its idempotency key before, if that
// was the same request. It returns store.ErrNotFound when the key has expired
// since.
func (c *call) repeat(ctx context.Context, e *store.NewEvent) error {
	earlier, err := c.Store.EarlierByKey(ctx, e.Tenant, e.IdempotencyKey)
	if err != nil {
		return err
	}
	if !bytes.Equal(earlier.Fingerprint, e.Fingerprint) {
		return keyUsed()
	}
	// A request that was refused for its eventId has used its key all the same.
	_, err = c.Store.Event(ctx, e.Tenant, store.Ref{ID: earlier.Event}, false)
	if errors.Is(err, store.ErrNotFound) {
		return uidUsed()
	}
	e.ID = earlier.Event
	return err
}

func uidUsed() error {
	return conflict("conflict", "A message with this eventId already exists")
}

// addressee finds the tenant, and makes it when the message brings it along. For
// an id nothing is asked: whether it is there is checked when the event is
// stored.
func (c *call) addressee(ctx context.Context, ref store.Ref, f *form) (event.ID, error) {
	if !ref.ID.IsZero() {
		return ref.ID, nil
	}
	id, err := c.Names.TenantByUID(ctx, ref.UID)
	if !errors.Is(err, store.ErrNotFound) {
		return id, err
	}
	tenant, err := f.application(ref.UID)
	if err != nil {
		return id, err
	}
	err = c.Store.CreateTenant(ctx, tenant)
	if errors.Is(err, store.ErrConflict) { // somebody else was quicker
		return c.Store.TenantByUID(ctx, ref.UID)
	}
	return tenant.ID, err
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
