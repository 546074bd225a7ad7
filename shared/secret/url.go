package secret

import (
	"regexp"
	"strings"
)

// URL is a URL of a server, several joined by commas, or the words that PostgreSQL
// takes instead, with the password that it wants. It is a [String] but for what
// String returns, by which flags show it: where it leads.
type URL struct{ hidden }

type hidden = String

// NewURL hides the text of a URL.
func NewURL(text string) URL { return URL{New(text)} }

var (
	userinfo   = regexp.MustCompile(`://([^:@/,\s]*)(:?)[^@/,\s]*@`)                             //nolint:gochecknoglobals // constant
	parameters = regexp.MustCompile(`(?i)\b(\w*(?:password|secret|token|key)\w*)\s*=\s*[^&\s]+`) //nolint:gochecknoglobals // constant
)

// String returns the URL with placeholders for passwords, wherever they are, and for
// users without one, which are tokens; and nothing but a placeholder if it is not
// certain that this is all.
func (u URL) String() string {
	text := userinfo.ReplaceAllStringFunc(u.Reveal(), func(found string) string {
		if parts := userinfo.FindStringSubmatch(found); parts[2] != "" {
			return "://" + parts[1] + ":" + shown + "@"
		}
		return "://" + shown + "@"
	})
	text = parameters.ReplaceAllString(text, "$1="+shown)
	if strings.ContainsAny(u.Reveal(), `'\`) || strings.Contains(strings.ReplaceAll(text, shown+"@", ""), "@") {
		return shown
	}
	return text
}
