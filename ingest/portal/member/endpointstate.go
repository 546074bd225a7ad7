package member

import (
	"slices"
	"time"

	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
)

// endpointState is how an endpoint is: what keeps messages from it, the strongest
// reason first, or how it did. Activity is of the last day; nil: not known.
func endpointState(e *client.Endpoint, activity *client.Activity) web.State {
	switch {
	case e.Disabled && e.DisabledReason != nil:
		return web.Bad("Disabled")
	case e.Disabled:
		return web.Off("Disabled")
	case e.Paused:
		return web.Off("Paused")
	case e.Verify && e.Verification.State == "pending":
		return web.Busy("Being verified")
	case e.Verify && e.Verification.State != "verified":
		return web.Warn("Not verified")
	case e.Circuit.State != "closed":
		return web.Bad("Breaker open")
	case activity == nil || activity.Total.Succeeded+activity.Total.Failed == 0:
		return web.Good("Active")
	case failing(activity):
		return web.Bad("Failing")
	case activity.Total.Failed > 0:
		return web.Warn("Some fail")
	default:
		return web.Good("Healthy")
	}
}

// failing reports whether nothing has succeeded in the latest hour in which anything
// was tried.
func failing(a *client.Activity) bool {
	for _, part := range slices.Backward(a.Buckets) {
		if part.Succeeded+part.Failed > 0 {
			return part.Succeeded == 0
		}
	}
	return false
}

// endpointReason says why an endpoint is as it is, and what there is to do; empty where
// all is well.
func endpointReason(e *client.Endpoint) string {
	switch {
	case e.Disabled:
		return disabledReason(e) + " Messages are not sent to it. They are kept as dead letters, and can be sent when it is enabled again."
	case e.Paused:
		return "Messages wait until it is resumed. None is lost."
	case e.Verify && e.Verification.State == "pending":
		return "A challenge is on its way. Messages wait until it is answered."
	case e.Verify && e.Verification.State == "failed":
		return "It did not answer the challenge as it should. Messages wait until it does."
	case e.Verify && e.Verification.State != "verified":
		return "It has to answer a challenge before anything is sent to it. Messages wait meanwhile."
	case e.Circuit.State == "open" && e.Circuit.NextProbeAt != nil:
		return "Too many attempts failed, so it is left alone. The next one is at " + e.Circuit.NextProbeAt.UTC().Format(time.TimeOnly) + " UTC; when that succeeds, the messages that wait follow."
	case e.Circuit.State != "closed":
		return "Too many attempts failed, so it was left alone. One attempt is under way now; when that succeeds, the messages that wait follow."
	default:
		return ""
	}
}

// endpointWhy is the reason in a few words, for a row of a list; empty where the state
// says it all.
func endpointWhy(e *client.Endpoint) string {
	switch {
	case e.Disabled && e.DisabledReason == nil:
		return "by hand"
	case e.Disabled && *e.DisabledReason == "failing":
		return "failed for days"
	case e.Disabled && *e.DisabledReason == "gone":
		return "answered 410 Gone"
	case e.Disabled:
		return *e.DisabledReason
	case e.Paused:
		return ""
	case e.Verify && e.Verification.State == "failed":
		return "wrong answer to the challenge"
	case e.Circuit.State == "open" && e.Circuit.NextProbeAt != nil:
		return "next try at " + e.Circuit.NextProbeAt.UTC().Format(time.TimeOnly) + " UTC"
	default:
		return ""
	}
}

// disabledReason says who disabled an endpoint, and why.
func disabledReason(e *client.Endpoint) string {
	if e.DisabledReason == nil {
		return "It was disabled by hand."
	}
	switch *e.DisabledReason {
	case "failing":
		return "It was disabled because nothing has succeeded for days."
	case "gone":
		return "It was disabled because it answered 410 Gone, which says that it wants nothing any more."
	default:
		return "It was disabled: " + *e.DisabledReason + "."
	}
}
