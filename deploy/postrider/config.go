package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/postrider/postrider/deliver"
	"github.com/postrider/postrider/dlq"
	"github.com/postrider/postrider/fanout"
	"github.com/postrider/postrider/ingest"
	"github.com/postrider/postrider/retry"
	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/service"
)

// stages are the five, each with settings of its own.
func stages() []service.Stage {
	return []service.Stage{&ingest.Stage{}, &fanout.Stage{}, &deliver.Stage{}, &retry.Stage{}, &dlq.Stage{}}
}

// config is about the settings of the stages.
func config() *command {
	check := &command{
		name:  "check",
		short: "show a stage's settings, where each comes from, and what is wrong",
		long: `It looks at what the stage would find if it were started here and now, with the same
flags, and at all that it would refuse. Secrets are not shown. A POSTRIDER_ variable
that no program knows is a mistake too. Nothing is connected to.

  postrider config check ingest
  postrider config check deliver -slots 4096`,
	}
	var all []*command
	for _, s := range stages() {
		all = append(all, checkStage(s))
	}
	check.groups = []group{{"", all}}
	return &command{
		name:   "config",
		short:  "check the settings of a stage before it is started",
		groups: []group{{"", []*command{check}}},
	}
}

// checkStage has the flags of the stage's own program.
func checkStage(s service.Stage) *command {
	var settings service.Settings
	var known *flag.FlagSet
	return &command{
		name:  s.Name(),
		short: "the settings of " + s.Name(),
		flags: func(fs *flag.FlagSet) {
			known = fs
			settings.Flags(fs, s)
		},
		run: func(_ context.Context, c *call) error {
			if err := showSettings(known, c); err != nil {
				return err
			}
			return errors.Join(service.Validate(settings, s), strangers(c.environ))
		},
	}
}

// showSettings lists what is in effect, and where it comes from.
func showSettings(fs *flag.FlagSet, c *call) error {
	given := make(map[string]bool)
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	t := newTable(c.out, "SETTING", "VALUE", "FROM")
	fs.VisitAll(func(f *flag.Flag) {
		value, from := f.Value.String(), "default"
		if _, ok := c.lookup(service.Variable(f.Name)); ok {
			from = service.Variable(f.Name)
		}
		if file, ok := c.lookup(service.FileVariable(f.Name)); ok {
			value, from = hidden, "file "+file
		}
		if given[f.Name] {
			value, from = f.Value.String(), "flag"
		}
		if value == "" {
			value = "-"
		}
		t.row(f.Name, value, from)
	})
	return t.flush()
}

// hidden stands for what is in a file; what else is secret hides by its type.
const hidden = "[secret]"

// links are what Kubernetes puts into the environment of every container for a
// service whose name begins like ours.
var links = regexp.MustCompile(`_SERVICE_HOST$|_SERVICE_PORT(_\w+)?$|_PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$`) //nolint:gochecknoglobals // constant

// strangers returns an error for each variable of ours that nobody reads.
func strangers(environ []string) error {
	known := variables()
	var faults []error
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, "POSTRIDER_") || known[name] || links.MatchString(name) {
			continue
		}
		fault := fmt.Errorf("%s is no setting", name)
		if near := nearest(name, slices.Sorted(maps.Keys(known))); near != "" {
			fault = fmt.Errorf("%w: did you mean %s?", fault, near)
		}
		faults = append(faults, fault)
	}
	return errors.Join(faults...)
}

// variables are all that any program reads, or the configuration of nats-server:
// processes are often given more than their own.
func variables() map[string]bool {
	known := map[string]bool{service.Variable("data-dir"): true} // of deploy/local
	add := func(f *flag.Flag) {
		known[service.Variable(f.Name)], known[service.FileVariable(f.Name)] = true, true
	}
	var walk func(*command)
	walk = func(c *command) {
		fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
		if c.flags != nil {
			c.flags(fs)
		}
		fs.VisitAll(add)
		for _, sub := range c.commands() {
			walk(sub)
		}
	}
	walk(postrider())
	for _, u := range bus.Users(1) {
		known["POSTRIDER_NATS_"+strings.ToUpper(u.Name)] = true
	}
	return known
}
