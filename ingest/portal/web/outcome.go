package web

// Outcome is how an attempt ended, or why none was made, in words. One of a later
// version is shown as it is.
func Outcome(name string) string {
	switch name {
	case "success":
		return "Succeeded"
	case "redirected":
		return "Answered with a redirect, which is not followed"
	case "gone":
		return "Gone (410)"
	case "throttled":
		return "Asked to come later"
	case "rejected":
		return "Refused"
	case "wrong_answer":
		return "Answered the challenge wrongly"
	case "timeout":
		return "No answer in time"
	case "blocked_address":
		return "The address may not be called"
	case "dns":
		return "The host has no address"
	case "tls":
		return "No trusted connection (TLS)"
	case "connection":
		return "No connection"
	case "proxy":
		return "Our proxy could not be used"
	case "oauth_token":
		return "No access token for it"
	case "endpoint_disabled":
		return "Not sent: the endpoint was disabled"
	case "payload_expired":
		return "Not sent: the payload was removed"
	default:
		return name
	}
}
