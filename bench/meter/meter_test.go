package meter_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/bench/findings"
	"github.com/postrider/postrider/bench/meter"
	"github.com/postrider/postrider/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func TestMeter(t *testing.T) {
	t.Parallel()
	m, err := meter.Start(t.Context(), meter.Parts{Processes: map[string]int{"we": os.Getpid()}})
	require.NoError(t, err)
	c, err := m.End(t.Context())
	require.NoError(t, err)
	require.GreaterOrEqual(t, int64(c.CPU["we"]), int64(0))
	require.Positive(t, c.Memory["we"])
	require.GreaterOrEqual(t, c.Peak["we"], c.Memory["we"])
}

func TestMeterMissesNothing(t *testing.T) {
	t.Parallel()
	child := exec.CommandContext(t.Context(), "cat")
	in, err := child.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	m, err := meter.Start(t.Context(), meter.Parts{Processes: map[string]int{"child": child.Process.Pid}})
	require.NoError(t, err)
	require.NoError(t, in.Close())
	require.NoError(t, child.Wait())
	_, err = m.End(t.Context())
	require.ErrorContains(t, err, "read usage of child", "what it used is not known")

	_, err = meter.Start(t.Context(), meter.Parts{Processes: map[string]int{"child": child.Process.Pid}})
	require.ErrorContains(t, err, "read usage of child")
}

// TestServers measures a real PostgreSQL, and what a nats-server and a stage would
// say of themselves.
func TestServers(t *testing.T) {
	t.Parallel()
	said := 0.0
	told := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/varz":
			said++
			_, _ = fmt.Fprintf(w, `{"connections":7,"in_msgs":%[1]f,"out_msgs":%[1]f,"in_bytes":%[1]f,"out_bytes":1,"jetstream":{"stats":{"storage":%[1]f}}}`, 100*said)
		case "/metrics":
			_, _ = io.WriteString(w, "go_goroutines 12\ngo_memstats_alloc_bytes_total 4096\ngo_gc_duration_seconds_count 3\n")
		default:
			http.NotFound(w, r)
		}
	}))
	defer told.Close()
	database := testkit.Database(t)
	parts := meter.Parts{
		Processes: map[string]int{"postgres": os.Getpid()}, Stages: map[string]string{"ingest": told.URL},
		Database: database, Monitor: told.URL,
	}
	m, err := meter.Start(t.Context(), parts)
	require.NoError(t, err)
	testkit.Value[int](t, database, "WITH made AS (INSERT INTO nats_servers (id) SELECT 'x' || n FROM generate_series(1, 1000) n RETURNING 1) SELECT count(*)::int FROM made")
	c, err := m.End(t.Context())
	require.NoError(t, err)
	require.Greater(t, c.Counts[meter.Count{Of: "postgres", What: meter.WAL}], 1000.0*20, "each row is written")
	require.InDelta(t, 100, c.Counts[meter.Count{Of: "nats-server", What: meter.Disk}], 1e-6)
	require.InDelta(t, 200, c.Counts[meter.Count{Of: "nats-server", What: meter.Messages}], 1e-6)
	require.Zero(t, c.Counts[meter.Count{Of: "ingest", What: meter.Allocated}])

	r := &findings.Report{Title: "x"}
	c.Report(r, 1000)
	require.Contains(t, r.String(), "of each event, nats-server: messages received and sent |     0.20 |")
	require.Contains(t, r.String(), "most memory, MiB: postgres")
	require.Equal(t, meter.MemoryPlot, r.Plots[0].Title)

	parts.Monitor = "http://127.0.0.1:1"
	_, err = meter.Start(t.Context(), parts)
	require.ErrorContains(t, err, "measure nats-server")
	parts.Database = "postgres://127.0.0.1:1/x"
	_, err = meter.Start(context.WithoutCancel(t.Context()), parts)
	require.ErrorContains(t, err, "measure PostgreSQL")
}
