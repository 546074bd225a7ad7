package main

import (
	"context"
	"time"

	"github.com/postrider/postrider/bench/suite"
	"github.com/postrider/postrider/shared/stack"
)

const (
	nodes     = 3
	nodeAfter = 20 * time.Second // of traffic, and between two nodes
)

// clustered is a cluster, each node of which stores everything.
func clustered() stack.Options {
	return stack.Options{NATSServers: nodes}
}

// killNodes kills every node of the cluster in turn. Each is back, with some time
// to catch up, before the next one goes.
func killNodes(ctx context.Context, t *trial) error {
	for _, node := range t.Nodes() {
		if err := suite.Pause(ctx, nodeAfter); err != nil {
			return err
		}
		up, err := t.takeDown(ctx, killed, node)
		if err != nil {
			return err
		}
		up()
		for !t.Ready(ctx, node) { // its supervisor starts it
			if err := suite.Pause(ctx, healthTick); err != nil {
				return err
			}
		}
	}
	return nil
}
