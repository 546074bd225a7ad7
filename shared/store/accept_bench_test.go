package store_test

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// BenchmarkAccept commits groups of 100 events of 1 KiB with an idempotency key
// each, as ingest does under load, and tells what an event costs: CPU of this
// process and of the database's, and bytes of its row beside the payload.
func BenchmarkAccept(b *testing.B) {
	const group = 100
	url := testkit.Database(b)
	s, err := store.Open(b.Context(), url, 1)
	require.NoError(b, err)
	b.Cleanup(s.Close)
	tenant := testkit.Tenant(b, s)
	pid := testkit.Value[int](b, url, `SELECT pid FROM pg_stat_activity WHERE application_name = 'postrider' AND datname = current_database()`)
	payload := bytes.Repeat([]byte("x"), 1024)
	made := 0
	accept := func() {
		events := make([]store.NewEvent, group)
		for i := range events {
			made++
			events[i] = store.NewEvent{
				Event:          event.Event{ID: event.NewID(), Tenant: tenant, Type: "invoice.paid", Payload: payload},
				IdempotencyKey: fmt.Sprintf("auto_%d", made), Fingerprint: payload[:32],
			}
		}
		_, _, err := s.Accept(b.Context(), events, 256<<10)
		require.NoError(b, err)
	}
	for range 20 {
		accept() // statements are prepared, partitions known
	}
	client, server := ownCPU(b), processCPU(b, pid)
	before := made
	for b.Loop() {
		accept()
	}
	n := float64(made - before)
	b.ReportMetric((ownCPU(b)-client).Seconds()*1e6/n, "client-µs/event")
	b.ReportMetric((processCPU(b, pid)-server).Seconds()*1e6/n, "server-µs/event")
	b.ReportMetric(float64(testkit.Value[int](b, url, `SELECT pg_column_size(e.*) - octet_length(payload) FROM events e LIMIT 1`)), "bytes/row")
}

func ownCPU(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// processCPU reads what a process of this machine has used.
func processCPU(b *testing.B, pid int) time.Duration {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
	require.NoError(b, err)
	ns, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
	require.NoError(b, err)
	return time.Duration(ns)
}
