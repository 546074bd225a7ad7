package service

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/postrider/postrider/shared/store"
)

// adviseDatabase adds to why the database cannot be used what to do about it.
func adviseDatabase(err error) error {
	if _, unreachable := errors.AsType[net.Error](err); unreachable {
		return fmt.Errorf("%w\n(is PostgreSQL running there? set %s)", err, Variable("database-url"))
	}
	return fmt.Errorf("%w\n(set %s)", err, Variable("database-url"))
}

func adviseNATS(err error) error {
	return fmt.Errorf("%w\n(is nats-server running there? set %s)", err, Variable("nats-url"))
}

// keyless reports whether a key of secrets is missing.
func keyless(err error) bool {
	_, ok := errors.AsType[*store.KeyError](err)
	return ok
}

func adviseKeys(err error) error {
	return fmt.Errorf("%w\n(add it to %s)", err, Variable("secret-keys"))
}

// oneLine is the error as a person reads it in a terminal. Drivers say the same
// of each way that they tried, on lines of their own; once is enough.
func oneLine(err error) string {
	var text strings.Builder
	last := ""
	for line := range strings.Lines(err.Error()) {
		line = strings.TrimSpace(line)
		switch {
		case strings.Contains(last, line): // or there is nothing on it
			continue
		case strings.HasSuffix(last, ":"), strings.HasPrefix(line, "("):
			text.WriteString(" ")
		case last != "":
			text.WriteString("; ")
		}
		text.WriteString(line)
		last = line
	}
	return text.String()
}
