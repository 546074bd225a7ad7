package deliver

import (
	"context"
	"time"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/service"
	"github.com/postrider/postrider/shared/store"
)

// disable disables the endpoints that it is time for. It comes after the record:
// the next failure of an endpoint makes good for a worker that died in between.
func (f *finisher) disable(ctx context.Context, results []*result) error {
	done := make(map[event.ID]bool)
	for _, r := range results {
		a := &r.attempt
		reason := f.verdict(a)
		if reason == "" || done[a.Endpoint] {
			continue
		}
		disabled, err := f.store.DisableEndpoint(ctx, a.Tenant, a.Endpoint, reason)
		if err != nil {
			return err
		}
		done[a.Endpoint] = true
		if !disabled {
			continue // it was before
		}
		f.metrics.disabled.WithLabelValues(reason).Inc()
		f.standing.forget(a.Endpoint)
		f.log.Info().EmbedObject(service.Fields{Event: a.Event, Tenant: a.Tenant, Endpoint: a.Endpoint, Attempt: a.ID}).
			Str("reason", reason).Msg("endpoint disabled")
	}
	return nil
}

// notSent is the result of a job whose endpoint was disabled on the way to its
// first attempt: a dead letter, as fanout would have made it, and nothing to
// record. A retry is recorded all the same, since its delivery ends with it.
func notSent(j *job) *result {
	return &result{job: j, recorded: true, attempt: store.Attempt{Outcome: string(Disabled)}}
}

// verdict is the reason to disable the endpoint of the attempt, empty when there
// is none. At least two failures, and those a tenth of the setting apart (half a
// day, as Svix has it), need no count of their own: the first failure and this
// one are the whole of it apart.
func (f *finisher) verdict(a *store.Attempt) string {
	switch {
	case Outcome(a.Outcome) == Gone:
		return store.DisabledGone
	case f.disableAfter > 0 && !a.FailingSince.IsZero() && time.Since(a.FailingSince) >= f.disableAfter:
		return store.DisabledFailing
	default:
		return ""
	}
}
