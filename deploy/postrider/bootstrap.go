package main

import (
	"context"
	"errors"
	"flag"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/service"
)

// schema is the settings of what is made in the database.
type schema struct {
	database

	roles string
}

func (s *schema) flags(fs *flag.FlagSet) {
	s.database.flags(fs)
	fs.StringVar(&s.roles, "database-roles", "", "`prefix` of the names of the stages' own PostgreSQL roles, which are given their rights; empty for one role for all")
}

// bootstrap prepares PostgreSQL and NATS for the stages.
func bootstrap() *command {
	var s schema
	var n broker
	var layout bus.Layout
	return &command{
		name:  "bootstrap",
		short: "make tables and streams, or change them, before the stages start",
		long: `Run it once before the first start and at every upgrade, before the new programs.
It changes only what differs, stages of the version before may go on meanwhile, and
run twice it does nothing the second time. It is migrate and streams ensure in one.`,
		flags: func(fs *flag.FlagSet) {
			s.flags(fs)
			n.flags(fs)
			layout.Flags(fs)
		},
		run: func(ctx context.Context, _ *call) error {
			if err := errors.Join(s.validate(), layout.Validate()); err != nil {
				return err
			}
			return service.Bootstrap(ctx, s.url.Reveal(), n.url.Reveal(), s.roles, layout)
		},
	}
}

// migrate prepares PostgreSQL alone.
func migrate() *command {
	var s schema
	return &command{
		name:  "migrate",
		short: "make or change the tables only, and give roles their rights",
		long:  `It is the part of bootstrap that is about PostgreSQL, for who keeps the two apart.`,
		flags: s.flags,
		run: func(ctx context.Context, _ *call) error {
			if err := s.validate(); err != nil {
				return err
			}
			return service.Migrate(ctx, s.url.Reveal(), s.roles)
		},
	}
}
