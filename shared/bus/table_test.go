package bus_test

import (
	"context"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/testkit"
)

func TestTable(t *testing.T) {
	t.Parallel()
	ctx, b := testkit.Context(t), testkit.Bus(t)
	table, err := b.Workers(ctx)
	require.NoError(t, err)

	_, err = table.Get(ctx, "lane.a")
	require.ErrorIs(t, err, bus.ErrNoRecord)
	first, err := table.Create(ctx, "lane.a", []byte("me"))
	require.NoError(t, err)
	_, err = table.Create(ctx, "lane.a", []byte("you"))
	require.ErrorIs(t, err, bus.ErrOvertaken)

	second, err := table.Update(ctx, "lane.a", []byte("you"), first)
	require.NoError(t, err)
	_, err = table.Update(ctx, "lane.a", []byte("me"), first)
	require.ErrorIs(t, err, bus.ErrOvertaken)
	require.ErrorIs(t, table.Delete(ctx, "lane.a", first), bus.ErrOvertaken)
	r, err := table.Get(ctx, "lane.a")
	require.NoError(t, err)
	require.Equal(t, bus.Record{Key: "lane.a", Value: []byte("you"), Revision: second}, r)

	require.NoError(t, table.Delete(ctx, "lane.a", second))
	_, err = table.Get(ctx, "lane.a")
	require.ErrorIs(t, err, bus.ErrNoRecord)
	_, err = table.Create(ctx, "lane.a", []byte("me"))
	require.NoError(t, err, "what was deleted can be made again")
}

func TestTableIsWatched(t *testing.T) {
	t.Parallel()
	ctx, b := testkit.Context(t), testkit.Bus(t)
	table, err := b.Workers(ctx)
	require.NoError(t, err)
	_, err = table.Put(ctx, "worker.a", []byte("old"))
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(ctx)
	heard, ready, ended := make(chan string, 8), make(chan bool, 1), make(chan error, 1)
	go func() {
		ended <- table.Watch(ctx, func(r bus.Record) { heard <- r.Key + "=" + string(r.Value) }, func() { ready <- true })
	}()
	require.Equal(t, "worker.a=old", testkit.Receive(t, heard))
	testkit.Receive(t, ready)

	revision, err := table.Put(ctx, "worker.b", []byte("new"))
	require.NoError(t, err)
	require.Equal(t, "worker.b=new", testkit.Receive(t, heard))
	require.NoError(t, table.Delete(ctx, "worker.b", revision))
	require.Equal(t, "worker.b=", testkit.Receive(t, heard))
	cancel()
	require.NoError(t, testkit.Receive(t, ended))
}

// TestTableForgets holds what keeps the table small: it has one record of each
// worker and lane that there is, not of each that there was.
func TestTableForgets(t *testing.T) {
	t.Parallel()
	ctx, server := testkit.Context(t), testkit.NATS(t)
	b := testkit.Connect(t, server.URL())
	table, err := b.Workers(ctx)
	require.NoError(t, err)
	revision, err := table.Create(ctx, "lane.a", []byte("me"))
	require.NoError(t, err)
	require.NoError(t, table.Delete(ctx, "lane.a", revision))

	nc, err := nats.Connect(server.URL())
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	stream, err := js.Stream(ctx, "KV_workers")
	require.NoError(t, err)
	left, err := stream.GetLastMsgForSubject(ctx, "$KV.workers.lane.a")
	require.NoError(t, err)
	require.Equal(t, "1m0s", left.Header.Get(jetstream.MsgTTLHeader), "what tells of the deletion goes too")
}
