package web

import "cmp"

// outcomes are all ways in which attempts end, in words.
var outcomes = map[string]string{
	"success":           "Succeeded",
	"redirected":        "Answered with a redirect, which is not followed",
	"gone":              "Gone (410)",
	"throttled":         "Asked to come later",
	"rejected":          "Refused",
	"wrong_answer":      "Answered the challenge wrongly",
	"timeout":           "No answer in time",
	"blocked_address":   "The address may not be called",
	"dns":               "The host has no address",
	"tls":               "No trusted connection (TLS)",
	"connection":        "No connection",
	"proxy":             "Our proxy could not be used",
	"oauth_token":       "No access token for it",
	"endpoint_disabled": "Not sent: the endpoint was disabled",
	"payload_expired":   "Not sent: the payload was removed",
}

// Outcome is how an attempt ended, or why none was made, in words. One of a later
// version is shown as it is.
func Outcome(name string) string { return cmp.Or(outcomes[name], name) }
