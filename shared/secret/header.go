package secret

import (
	"slices"
	"strings"
)

// InHeader reports whether a header looks like a credential, by its name. It knows
// the names that Svix knows, and guesses the others: one too many is a value that
// somebody misses, one too few is read by whoever may look.
func InHeader(name string) bool {
	lower := strings.ToLower(name)
	for _, part := range []string{"authorization", "authenticate", "token", "secret", "passw", "credential", "apikey", "cookie"} {
		if strings.Contains(lower, part) {
			return true
		}
	}
	words := strings.FieldsFunc(lower, func(r rune) bool { return r == '-' || r == '_' || r == '.' })
	return slices.ContainsFunc(words, func(word string) bool {
		return slices.Contains([]string{"auth", "key", "jwt", "bearer", "pwd", "session", "signature", "sig"}, word)
	})
}
