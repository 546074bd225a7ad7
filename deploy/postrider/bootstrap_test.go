package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// TestBootstrap prepares both servers, in one step or in two, and again.
func TestBootstrap(t *testing.T) {
	t.Parallel()
	database, nats := testkit.EmptyDatabase(t), testkit.NATS(t).URL()
	env := map[string]string{"POSTRIDER_DATABASE_URL": database, "POSTRIDER_NATS_URL": nats}
	_, err := do(t, env, "reconcile", "-since", "1m")
	require.ErrorIs(t, err, store.ErrOlderSchema)
	must(t, env, "migrate")
	testkit.Open(t, database) // verifies
	must(t, env, "bootstrap", "-shards", "2")
	require.Zero(t, testkit.StreamMessages(t, nats, event.Shard("1").Stream(event.StreamDeliver)))
	must(t, env, "bootstrap", "-shards", "2")
	_, err = do(t, env, "bootstrap")
	require.ErrorContains(t, err, "shards is 1: there are 2 already")
	_, err = do(t, env, "bootstrap", "-replicas", "2")
	require.ErrorContains(t, err, "replicas is 2: must be 1, 3 or 5")
}
