package bus

import (
	"net/url"
	"strings"
)

// redact leaves out the credentials that a NATS URL may carry.
func redact(urls string) string {
	parts := strings.Split(urls, ",")
	for i, part := range parts {
		if u, err := url.Parse(strings.TrimSpace(part)); err == nil {
			parts[i] = u.Redacted()
		}
	}
	return strings.Join(parts, ",")
}

// inboxPrefix is how the inboxes of the process of that name begin. Replies of one
// stage go to inboxes of its own, so that permissions can keep others from reading
// them.
func inboxPrefix(name string) string {
	return "_INBOX_" + strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-':
			return r
		default:
			return '_'
		}
	}, name)
}
