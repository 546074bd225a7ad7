package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/bench/latency"
	"github.com/postrider/postrider/bench/machine"
	"github.com/postrider/postrider/bench/meter"
	"github.com/postrider/postrider/bench/sender"
	"github.com/postrider/postrider/bench/steps"
)

func TestRender(t *testing.T) {
	t.Parallel()
	m := machine.Machine{
		CPU: "Abacus", Cores: 2, Memory: "23.5 GiB", System: "Linux 6",
		Versions: []string{"Go 1.26.0", "nats-server v2.15.2"},
		At:       time.Date(2026, 11, 20, 18, 0, 0, 0, time.UTC),
	}
	p := phase{
		name: "50/s for 10s",
		result: sender.Result{
			Sending: 10 * time.Second, Accepted: 500,
			Expected: 500, Delivered: 500, InTime: 499, Delivering: 10 * time.Second,
			AcceptLatency: latency.Summary{P50: 1, P95: 2, P99: 3.04},
			Latency:       latency.Summary{P50: 4, P95: 5, P99: 6.06},
		},
		cost: meter.Cost{
			CPU:    map[string]time.Duration{"postgres": 50 * time.Millisecond, "fanout": 20 * time.Millisecond, "ingest": 30 * time.Millisecond},
			Memory: map[string]int64{"postgres": 64 << 20, "fanout": 16 << 20, "ingest": 20 << 20},
			Peak:   map[string]int64{"postgres": 65 << 20, "fanout": 17 << 20, "ingest": 21 << 20},
			Counts: map[meter.Count]float64{{Of: "postgres", What: meter.WAL}: 1_000_000, {Of: "ingest", What: meter.Allocated}: 4_000_000},
			Bench:  35 * time.Millisecond,
		},
	}
	p.steps = []steps.Cost{{Of: "accept", CPU: 30 * time.Millisecond}, {Of: "expand", CPU: 20 * time.Millisecond}, {Of: "postgres", CPU: 50 * time.Millisecond}}
	bad := p
	bad.name, bad.result.Delivered, bad.result.Missing = "worse", 0, 500
	require.Equal(t, "# What `make bench` measured\n\n"+`Abacus, 2 cores, 23.5 GiB of memory, Linux 6; Go 1.26.0, nats-server v2.15.2. Measured 2026-11-20 18:00 UTC, generator and receivers on the same cores.

Events.

|                                   |    50/s for 10s |           worse |
|-----------------------------------|----------------:|----------------:|
| accepted events/s                 |              50 |              50 |
| delivered/s, to the last one      |              50 |               0 |
| delivered/s, while sending        |              50 |              50 |
| first attempt p50 / p95 / p99, ms | 4.0 / 5.0 / 6.1 | 4.0 / 5.0 / 6.1 |
| acceptance p50 / p95 / p99, ms    | 1.0 / 2.0 / 3.0 | 1.0 / 2.0 / 3.0 |

CPU per delivered event, in µs, from the first request to the last arrival:

|                           | 50/s for 10s | worse |
|---------------------------|-------------:|------:|
| ingest                    |           60 |     – |
| fanout                    |           40 |     – |
| postgres                  |          100 |     – |
| **sum**                   |          200 |     – |
| (generator and receivers) |           70 |     – |

The same by the steps of an event's way, as CPU profiles of the stages divide it; "other" is their schedulers, collectors and upkeep:

|          | 50/s for 10s | worse |
|----------|-------------:|------:|
| accept   |           60 |     – |
| expand   |           40 |     – |
| postgres |          100 |     – |

And what else it took of the servers and the stages:

|                                  | 50/s for 10s | worse |
|----------------------------------|-------------:|------:|
| ingest: allocated, bytes         |         8000 |     – |
| postgres: write-ahead log, bytes |         2000 |     – |

Resident memory at the end and at its peak, in MiB. PostgreSQL is all its processes, what they share counted once:

|          | 50/s for 10s |     worse |
|----------|-------------:|----------:|
| ingest   |      20 / 21 |   20 / 21 |
| fanout   |      16 / 17 |   16 / 17 |
| postgres |      64 / 65 |   64 / 65 |
| **sum**  |    100 / 103 | 100 / 103 |

- 50/s for 10s: 500 accepted, 500 delivered, nothing missing, nothing double
- worse: WRONG: 500 deliveries missing
`, render(m, "Events.", []phase{p, bad}))
}

// TestFound: the same for programs.
func TestFound(t *testing.T) {
	t.Parallel()
	p := phase{
		kind: "light", name: "50/s for 10s",
		result: sender.Result{Sending: 10 * time.Second, Accepted: 500, Expected: 501, Delivered: 500, Missing: 1, Delivering: 10 * time.Second, Latency: latency.Summary{P98: 7}},
		cost:   meter.Cost{CPU: map[string]time.Duration{"fanout": 20 * time.Millisecond}, Peak: map[string]int64{"fanout": 17 << 20}},
		steps:  []steps.Cost{{Of: "expand", CPU: 15 * time.Millisecond}, {Of: "other", CPU: 5 * time.Millisecond}},
	}
	run := found(machine.Machine{CPU: "Abacus"}, "Events.", []phase{p})
	r := run.Reports[0]
	require.Equal(t, "light", r.Title, "whatever its rate")
	require.True(t, r.Broken())
	values := map[string]float64{}
	for _, row := range r.Rows {
		values[row.What] = *row.Value
	}
	require.InDelta(t, 50, values["accepted events/s"], 0)
	require.InDelta(t, 7, values["first attempt, p98 in ms"], 0)
	require.InDelta(t, 40, values["CPU of each event, µs: fanout"], 0)
	require.InDelta(t, 30, values["CPU of each event by step, µs: expand"], 0)
	require.InDelta(t, 17, values["most memory, MiB: fanout"], 0)
}

func TestRenderNothing(t *testing.T) {
	t.Parallel()
	require.NotContains(t, render(machine.Machine{}, "", nil), "CPU per")
	require.NotContains(t, render(machine.Machine{}, "", []phase{{name: "unseen"}}), "CPU per", "no processes were given")
}
