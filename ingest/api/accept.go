package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/service"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/trace"
)

// acceptTries bounds how often an event is offered again because what it ran
// into was gone when we looked.
const acceptTries = 3

// draft is a message on its way to be accepted.
type draft struct {
	form  *form
	event store.NewEvent
	done  bool
	err   error // why it is not accepted; only when it is done
}

// newDraft begins a draft of the message that was posted as body, by which a
// repetition of it is recognised.
func newDraft(f *form, body []byte) *draft {
	fingerprint := sha256.Sum256(body)
	return &draft{form: f, event: store.NewEvent{Fingerprint: fingerprint[:]}}
}

// settle ends the work on the draft.
func (d *draft) settle(err error) { d.done, d.err = true, err }

// accept has the drafts accepted together for the application that the path
// names. Each that is not says why; the error that is returned is everybody's.
// The event of a draft that was accepted before becomes the one of that time.
func (c *call) accept(ctx context.Context, app string, drafts ...*draft) error {
	ref, err := refOf(event.Tenant, app)
	if err != nil {
		for _, d := range drafts {
			d.settle(noTenant(d.form, app))
		}
		return nil
	}
	for range acceptTries {
		open, events, err := c.address(ctx, ref, drafts)
		if err != nil || len(open) == 0 {
			return err
		}
		verdicts, err := c.Acceptor.Accept(ctx, events...)
		if err != nil {
			return err
		}
		if err := c.judge(ctx, ref, open, verdicts); err != nil {
			return err
		}
	}
	for _, d := range drafts {
		if !d.done {
			d.settle(comeBack("The message ran into changes, try again"))
		}
	}
	return nil
}

// address finds the tenant for those drafts that are not done, and makes it when
// one of them brings it along. For an id nothing is asked: whether it is there is
// checked when the events are stored.
func (c *call) address(ctx context.Context, ref store.Ref, drafts []*draft) (open []*draft, events []*store.NewEvent, err error) {
	tenant, missing := ref.ID, false
	if tenant.IsZero() {
		tenant, err = c.Names.TenantByUID(ctx, ref.UID)
		if missing = errors.Is(err, store.ErrNotFound); err != nil && !missing {
			return nil, nil, err
		}
	}
	open, events = make([]*draft, 0, len(drafts)), make([]*store.NewEvent, 0, len(drafts))
	span := trace.From(ctx)
	for _, d := range drafts {
		if d.done {
			continue
		}
		if missing {
			along, err := d.form.application(ref.UID)
			if err != nil {
				d.settle(err)
				continue
			}
			if tenant, err = c.createTenant(ctx, along); err != nil {
				return nil, nil, err
			}
			missing = false
		}
		e := &d.event
		e.ID, e.Tenant, e.TenantUID, e.Trace = event.NewID(), tenant, ref.UID, span.Or("")
		if e.Expires.After(time.Now().Add(c.Retention)) {
			e.Expires = time.Time{} // it is gone before that
		}
		open, events = append(open, d), append(events, e)
	}
	if len(drafts) == 1 {
		span.About(trace.OfEvent(&drafts[0].event.Event))
	} else {
		span.About(trace.About{Tenant: tenant})
	}
	return open, events, nil
}

func (c *call) createTenant(ctx context.Context, tenant *store.Tenant) (event.ID, error) {
	err := c.makeTenant(ctx, tenant)
	if errors.Is(err, store.ErrConflict) { // somebody else was quicker
		return c.Names.TenantByUID(ctx, tenant.UID)
	}
	return tenant.ID, err
}

// judge settles the drafts on which there is a verdict that stands.
func (c *call) judge(ctx context.Context, ref store.Ref, drafts []*draft, verdicts []Verdict) error {
	var repeated []*draft
	for i, d := range drafts {
		switch v := verdicts[i]; {
		case v.Err != nil:
			d.settle(v.Err)
		case v.Refusal == store.Accepted:
			d.settle(nil)
			if service.Follows(&c.Log) {
				c.Log.Debug().EmbedObject(service.FieldsOfEvent(&d.event.Event)).Msg("event accepted")
			}
		case v.Refusal == store.UIDUsed:
			d.settle(uidUsed())
		case v.Refusal == store.KeyUsed:
			repeated = append(repeated, d)
		case v.Refusal == store.NoTenant && !ref.ID.IsZero():
			d.settle(noTenant(d.form, event.Tenant.Format(ref.ID)))
		case v.Refusal == store.NoTenant:
			c.Names.Forget(ref.UID)
		default:
			return fmt.Errorf("accept event: unknown refusal %d", v.Refusal)
		}
	}
	if len(repeated) == 0 {
		return nil
	}
	return c.repeat(ctx, repeated)
}

// repeat makes the events those that came with their idempotency keys before,
// where that was the same request. A key that has expired since is left to be
// claimed anew.
func (c *call) repeat(ctx context.Context, drafts []*draft) error {
	keys := make([]string, len(drafts))
	for i, d := range drafts {
		keys[i] = d.event.IdempotencyKey
	}
	tenant := drafts[0].event.Tenant
	its, err := c.Store.ForTenant(ctx, tenant)
	if err != nil {
		return err
	}
	earlier, err := its.EarlierByKeys(ctx, tenant, keys)
	if err != nil {
		return err
	}
	for _, d := range drafts {
		e, ok := earlier[d.event.IdempotencyKey]
		switch {
		case !ok:
		case !bytes.Equal(e.Fingerprint, d.event.Fingerprint):
			d.settle(keyUsed())
		case !e.Stored: // what was refused for its eventId has used its key all the same
			d.settle(uidUsed())
		default:
			d.event.ID = e.Event
			d.settle(nil)
		}
	}
	return nil
}
