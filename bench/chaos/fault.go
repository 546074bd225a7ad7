package main

import (
	"context"
	"time"

	"github.com/postrider/postrider/shared/stack"
)

// fault is one kind of trouble, and what is promised in spite of it.
type fault struct {
	name, promise string

	rate float64       // events a second
	span time.Duration // of the traffic
	size int           // bytes of most payloads; 0: 1 KiB

	stack   stack.Options // beside what all have
	once    bool          // nothing excuses what is delivered twice
	disturb func(context.Context, *trial) error
}

func faults() []fault {
	return []fault{
		{
			name: "kill", promise: "processes killed and frozen, connections cut and hanging, at random",
			rate: 300, span: 3 * time.Minute, disturb: kill,
		},
		{
			name: "wiped", promise: "all streams deleted under load",
			rate: 300, span: 100 * time.Second, disturb: wipe,
		},
		{
			name: "rewound", promise: "all streams put back to a copy from a minute ago, under load",
			rate: 300, span: 2 * time.Minute, disturb: rewind,
		},
		{
			name: "nats-down", promise: "NATS away for a minute: all is accepted, and delivered after",
			rate: 200, span: 2 * time.Minute, disturb: natsDown,
		},
		{
			name: "postgres-down", promise: "PostgreSQL away for half a minute: nothing is accepted, and all that was is delivered once",
			rate: 200, span: 90 * time.Second, once: true, disturb: postgresDown,
		},
		{
			name: "cluster", promise: "each of three nodes killed in turn, under load",
			rate: 200, span: 100 * time.Second, stack: clustered(), disturb: killNodes,
		},
		{
			name: "full", promise: "streams filled to their limits",
			rate: 200, span: 90 * time.Second, size: 4 << 10, stack: small(), disturb: fill,
		},
		{
			name: "poison", promise: "50 messages that nobody can handle, published to all streams",
			rate: 200, span: 90 * time.Second, disturb: poison,
		},
	}
}
