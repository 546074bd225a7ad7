package deliver

import (
	"context"
	"encoding/json"
	"time"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/signature"
	"github.com/postrider/postrider/shared/store"
)

// A challenge is an event of a type of its own, for one endpoint alone, that the
// endpoint's row names while it is asked. It takes the way of all deliveries, but for
// the lane, past what waits for its answer, and is tried once. Here is what its answer
// is worth.

// judge looks at what was answered to a challenge, in the time that an attempt has.
// A 2xx alone shows that somebody is there; only who knows the endpoint's key knows
// the answer.
func (a *attempt) judge(with *store.Opened, payload []byte) {
	a.asked = true
	if a.outcome != Success {
		return
	}
	var answer struct {
		Response string `json:"response"`
	}
	challenge, err := store.ChallengeIn(payload)
	if err != nil || json.Unmarshal(a.response, &answer) != nil ||
		!signature.Answers(with.SigningKeys(time.Now()), challenge, answer.Response) {
		a.outcome = WrongReply
	}
}

// verify takes note of how challenges ended. Like disable it comes after the record:
// whoever finds that does it for a worker that died in between.
func (f *finisher) verify(ctx context.Context, results []*result) error {
	for _, r := range results {
		d := r.job.delivery
		if d.Type != event.TypeVerification || !d.Run.IsZero() {
			continue // none; of others that look like one the store knows better
		}
		failure := r.attempt.Outcome
		if failure == string(Success) {
			failure = ""
		}
		if err := f.store.EndVerification(ctx, d.Tenant, d.Endpoint, d.Event, failure); err != nil {
			return err
		}
	}
	return nil
}
