package main

import "strings"

// stage is a stage with the panels that only it has.
type stage struct {
	name, does string
	own        []*panel
}

func stages() []stage {
	return []stage{
		{"ingest", "Accepts events and serves the API.", []*panel{
			graph("Events posted", "reqps", "", query{"{{result}}", `sum by (result) (rate(postrider_events_accepted_total[$__rate_interval]))`}),
			graph("Events in a commit", "short", "The more at once, the cheaper each.", quantiles("postrider_commit_events", "")...),
			graph("Batches published", "ops", "swept: later, because NATS was away or busy.",
				query{"{{result}}", `sum by (result) (rate(postrider_event_batches_published_total[$__rate_interval]))`}),
			graph("Refused at the door", "reqps", "Shed before they were read; too many of a caller; connections that were closed for the sake of others.",
				query{"shed", `sum(rate(postrider_requests_shed_total[$__rate_interval]))`},
				query{"limit: {{limit}}", `sum by (limit) (rate(postrider_requests_limited_total[$__rate_interval]))`},
				query{"connection: {{reason}}", `sum by (reason) (rate(postrider_connections_cut_total[$__rate_interval]))`}),
			graph("Connections", "short", "Of producers and portals.", query{"{{instance}}", `sum by (instance) (postrider_connections)`}),
			graph("Archive", "short", "Days that wait to be dropped, and how often archiving failed.",
				query{"days waiting", `max(postrider_archive_backlog)`}, query{"failures within 6 h", `sum(increase(postrider_archive_failures_total[6h]))`}),
		}},
		{"fanout", "Makes one delivery of an event for each endpoint that wants it.", []*panel{
			graph("Events expanded", "ops", "wide: for very many endpoints, expanded aside.",
				query{"events", `sum(rate(postrider_events_expanded_total[$__rate_interval]))`}, query{"wide", `sum(rate(postrider_events_wide_total[$__rate_interval]))`}),
			graph("Deliveries made", "ops", "By the lane that they were put on.",
				query{"{{lane}}", `sum by (lane) (rate(postrider_deliveries_published_total[$__rate_interval]))`},
				query{"not sent (disabled)", `sum(rate(postrider_deliveries_not_sent_total{stage="fanout"}[$__rate_interval]))`}),
			graph("Batches held up", "short", "Held because a stream takes nothing; given back to be expanded again.",
				query{"held", `sum(postrider_batches_held)`}, query{"given back / s", `sum(rate(postrider_batches_given_back_total[$__rate_interval]))`}),
		}},
		{"deliver", "Calls the endpoints.", []*panel{
			graph("Attempts", "reqps", "By how they ended.", query{"{{outcome}}", `sum by (outcome) (rate(postrider_delivery_attempts_total[$__rate_interval])) > 0`}),
			graph("Time of an attempt", "s", "Receivers, and the way to them.", quantiles("postrider_delivery_attempt_duration_seconds", "")...),
			graph("First attempts by lane (p95)", "s", "From acceptance. In the lane of an endpoint they wait for that.",
				query{"{{lane}}", `histogram_quantile(0.95, sum by (lane, le) (rate(postrider_first_attempt_latency_seconds_bucket[$__rate_interval])))`}),
			graph("Attempts in flight", "short", "lagging: at slow endpoints and from lanes of their own; three quarters of the slots at most.",
				query{"{{class}}", `sum by (class) (postrider_attempts_in_flight)`}, query{"lagging", `sum(postrider_attempts_in_flight_lagging)`}),
			graph("In memory", "short", "Deliveries that were taken from lanes: in all, and waiting for their turn.",
				query{"held", `sum(postrider_deliveries_held)`}, query{"waiting: {{class}}", `sum by (class) (postrider_deliveries_in_memory)`}),
			graph("Lanes of applications and endpoints", "short", "Worked on, and waiting for their turn to be.",
				query{"open", `sum(postrider_own_lanes_open)`}, query{"waiting", `sum(postrider_own_lanes_waiting)`}),
			graph("What waits in those lanes", "short", "", query{"{{lane}}", `max by (lane) (postrider_own_lane_messages)`}),
			graph("Endpoints that have to wait", "short", "At their rate limit: applications too.",
				query{"breaker open", `max(postrider_circuit_open_endpoints)`}, query{"resting, as {{instance}} sees it", `sum by (instance) (postrider_endpoints_resting)`},
				query{"at their rate limit", `sum(postrider_rate_limits_used_up)`}),
			graph("Moved and given back", "ops", "Into lanes of their own; to come again because they could not be handled.",
				query{"moved", `sum(rate(postrider_deliveries_moved_total[$__rate_interval]))`}, query{"given back", `sum(rate(postrider_deliveries_given_back_total[$__rate_interval]))`},
				query{"lanes handed over", `sum(rate(postrider_own_lane_hand_overs_total[$__rate_interval]))`}),
		}},
		{"retry", "Holds what failed until it is due.", []*panel{
			graph("Waiting", "short", "On the wheel, due or not.", query{"deliveries", `max(postrider_retries_waiting)`}),
			graph("Released and moved", "ops", "Due; and on to another tier of the wheel.",
				query{"released", `sum(rate(postrider_retries_released_total[$__rate_interval]))`}, query{"moved", `sum(rate(postrider_retries_moved_total[$__rate_interval]))`}),
			graph("How late", "s", "From when a delivery was due to when it was handed to deliver.", quantiles("postrider_retry_lateness_seconds", "")...),
		}},
		{"dlq", "Records what was given up, delivers it again when asked to, and makes good what streams lose.", []*panel{
			graph("Dead letters", "short", "That are there to be looked at and redriven.", query{"dead letters", `max(postrider_dlq_letters)`}),
			graph("Given up and redriven", "ops", "",
				query{"given up", `sum(rate(postrider_dead_letters_total[$__rate_interval]))`}, query{"redriven", `sum(rate(postrider_deliveries_redriven_total[$__rate_interval]))`}),
			graph("Poison", "short", "Messages that nobody could handle.", query{"messages", `max(postrider_poison_messages)`}),
			graph("Streams", "short", "Messages on each.", query{"{{stream}}", `max by (stream) (postrider_stream_messages)`}),
			share("Streams: room used", "", query{"{{stream}}", `max by (stream) (postrider_stream_used_ratio)`}),
			graph("Made good", "short", "What streams lost or may have lost, and what was put on its way again.",
				query{"losses: {{loss}}", `sum by (loss) (increase(postrider_stream_losses_total[$__rate_interval]))`},
				query{"again: {{kind}}", `sum by (kind) (increase(postrider_reconciled_total[$__rate_interval]))`}),
		}},
	}
}

// dashboard has what all stages have, then what is the stage's own, then its processes.
// Metrics of a process have no stage in their labels: they are found by the instance.
func (s stage) dashboard() *dashboard {
	is := `{stage="` + s.name + `"}`
	process := func(expr string) string { return expr + ` and on (instance) postrider_stage_ready` + is }
	d := newDashboard(s.name, strings.ToUpper(s.name[:1])+s.name[1:], s.does, choice("prometheus", "Prometheus", prometheus))
	d.row("Work",
		graph("Backlog", "short", "What waits for this stage itself.", query{"messages", `max(postrider_stage_backlog_messages` + is + `)`}),
		graph("Oldest message", "s", "Since when.", query{"age", `max(postrider_stage_oldest_message_age_seconds` + is + `)`}),
		graph("A batch", "s", "What the stage takes, does and is done with together.", quantiles("postrider_stage_batch_duration_seconds", is)...),
	)
	d.row("This stage", s.own...)
	d.row("Processes",
		graph("Ready", "short", "1: can do its work.", query{"{{instance}}", `max by (instance) (postrider_stage_ready` + is + `)`}),
		graph("CPU", "short", "Cores.", query{"{{instance}}", process(`rate(process_cpu_seconds_total[$__rate_interval])`)}),
		share("Memory", "Of what the process may have.", query{"{{instance}}", process(`process_resident_memory_bytes / postrider_memory_limit_bytes`)}),
		graph("Goroutines", "short", "", query{"{{instance}}", process(`go_goroutines`)}),
		graph("Connections to PostgreSQL", "short", "", query{"{{instance}} {{pool}} {{state}}", process(`postrider_postgres_pool_connections`)}),
		graph("Waiting for a connection to PostgreSQL", "s", "Seconds of waiting in each second, all waits together.",
			query{"{{instance}} {{pool}}", process(`rate(postrider_postgres_pool_wait_seconds_total[$__rate_interval])`)}),
		graph("NATS", "Bps", "", query{"{{instance}} {{direction}}", process(`rate(postrider_nats_bytes_total[$__rate_interval])`)}),
		graph("NATS: connected anew", "short", "", query{"{{instance}}", process(`increase(postrider_nats_reconnects_total[$__rate_interval])`)}),
		graph("Blocked", "short", "What the process waits for.", query{"{{instance}} {{on}}", process(`postrider_blocked`)}),
	)
	return d
}
