package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/postrider/postrider/shared/store"
)

func verificationRoutes() []route {
	return []route{
		{"POST", endpointPath + "/verify", forMembers, (*call).verifyEndpoint},
		{"POST", oneOperationalPath + "/verify", forOperators, (*call).verifyEndpoint},
	}
}

// verification is what came of asking an endpoint whether it wants what is sent to
// it, as clients see it.
type verification struct {
	State     string     `json:"state"`
	CheckedAt *time.Time `json:"checkedAt"` // null: it has not ended yet
	Reason    *string    `json:"reason"`    // null: it has not failed
}

// The states of a verification.
const (
	unverified = "unverified"
	pending    = "pending" // a challenge is on its way
	verified   = "verified"
	unproven   = "failed"
)

func showVerification(v *store.Verification, now time.Time) verification {
	shown := verification{State: unverified, CheckedAt: none(v.CheckedAt.UTC()), Reason: none(v.Failure)}
	switch {
	case v.Pending(now):
		shown.State = pending
	case v.Verified():
		shown.State = verified
	case !v.CheckedAt.IsZero():
		shown.State = unproven
	}
	return shown
}

// verifyEndpoint has an endpoint asked for a sign that it wants what is sent to it.
// What comes of it the endpoint shows some time later. While it is being asked, it is
// not asked again.
func (c *call) verifyEndpoint(r *http.Request) (reply, error) {
	e, err := c.liveEndpoint(r)
	if err != nil {
		return reply{}, err
	}
	asked, batches, err := c.Store.BeginVerification(r.Context(), e.Tenant, store.Ref{ID: e.ID})
	if tooSoon, ok := errors.AsType[*store.TooSoonError](err); ok {
		c.Limited(LimitChallenges)
		return reply{}, tooManyFor("Too many challenges, of this endpoint or its application", tooSoon.Wait)
	}
	if err != nil {
		return reply{}, err
	}
	c.afterwards(func(context.Context) {
		for _, b := range batches {
			c.Announcer.Publish(b)
		}
	})
	return reply{http.StatusAccepted, showEndpoint(asked)}, nil
}

// ruleOf holds an endpoint, before and after what the form says, to the rule of the
// installation: one that is new, or goes to another host, gets nothing before it is
// verified. Operators may make exceptions. Their own endpoints are none of it.
func (c *call) ruleOf(f *form, before, after *store.Endpoint) {
	if !c.Verify || after.Tenant == store.SystemTenant {
		return
	}
	moved := !store.SameHost(before.URL, after.URL)
	switch {
	case moved && !f.given("verify"):
		after.Verify = true
	case (moved || before.Verify) && !after.Verify && c.caller.member != nil:
		f.refuse("verify", "must be true: endpoints of this installation are verified before anything is sent to them")
	}
}
