// Command nats prints the users of the NATS server: one for each program, with what
// that program needs and nothing else. users.conf beside it is what it prints:
//
//	go run ./deploy/nats -shards 32 > users.conf
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/service"
)

// usualShards are good for 20,000 events a second.
const usualShards = 4

func main() {
	os.Exit(service.Exit("nats", func(context.Context) error { return run(os.Args[1:], os.LookupEnv, os.Stdout) }))
}

func run(args []string, lookup func(string) (string, bool), out io.Writer) error {
	fs := flag.NewFlagSet("nats", flag.ContinueOnError)
	fs.SetOutput(out)
	shards := fs.Int("shards", usualShards, "into how many `parts` the busy streams are divided at most")
	if err := service.Parse(fs, args, lookup); err != nil {
		return err
	}
	if *shards < 1 || *shards > event.MaxShards {
		return fmt.Errorf("shards is %d: must be 1 to %d", *shards, event.MaxShards)
	}
	return write(out, *shards)
}

const head = `# Who may do what at the NATS server: a user for each program of Postrider, with
# what it needs and nothing else. "go run ./deploy/nats -shards %[1]d" prints this file;
# change the program's table (shared/bus/rights.go) and not the file.
#
# It is for up to %[1]d shards (postrider bootstrap -shards). nats-server.conf includes it.
# Passwords are in passwords.conf, or in environment variables of the same names.
# To change some, change them here, "nats-server --signal reload", and start the
# processes again.

include "passwords.conf"

# Who has no name may do nothing.
no_auth_user: nobody

authorization {
  users: [
    { user: nobody, permissions: { publish: { deny: ">" }, subscribe: { deny: ">" } } }
`

// write writes the file.
func write(out io.Writer, shards int) error {
	w := bufio.NewWriter(out)
	_, _ = fmt.Fprintf(w, head, shards)
	for _, u := range bus.Users(shards) {
		_, _ = fmt.Fprintf(w, "\n    {\n      user: %s\n      password: $%s\n      permissions: {\n", u.Name, variable(u.Name))
		list(w, "publish", u.Rights, func(r bus.Right) []string { return r.Publish })
		list(w, "subscribe", u.Rights, func(r bus.Right) []string { return r.Subscribe })
		_, _ = fmt.Fprint(w, "      }\n    }\n")
	}
	_, _ = fmt.Fprint(w, "  ]\n}\n")
	return w.Flush()
}

// variable is the name of the password of a user.
func variable(user string) string { return "POSTRIDER_NATS_" + strings.ToUpper(user) }

// list writes what a user may publish or subscribe to, with the reasons. What is not
// there is denied; an empty list would allow everything.
func list(w io.Writer, action string, rights []bus.Right, of func(bus.Right) []string) {
	_, _ = fmt.Fprintf(w, "        %s: { allow: [\n", action)
	for _, r := range rights {
		if subjects := of(r); len(subjects) > 0 {
			_, _ = fmt.Fprintf(w, "          # %s\n", r.Why)
			wrap(w, subjects)
		}
	}
	_, _ = fmt.Fprint(w, "        ] }\n")
}

// width is how long a line may get, in bytes.
const width = 150

func wrap(w io.Writer, subjects []string) {
	const margin = "         "
	line := margin
	for _, s := range subjects {
		quoted := fmt.Sprintf(" %q,", s)
		if len(line)+len(quoted) > width && line != margin {
			_, _ = fmt.Fprintln(w, line)
			line = margin
		}
		line += quoted
	}
	_, _ = fmt.Fprintln(w, line)
}
