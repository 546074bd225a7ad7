package main

// quantiles are three lines of a histogram; selector is that of its buckets.
func quantiles(histogram, selector string) []query {
	of := func(q, name string) query {
		return query{name, "histogram_quantile(" + q + ", sum by (le) (rate(" + histogram + "_bucket" + selector + "[$__rate_interval])))"}
	}
	return []query{of("0.5", "p50"), of("0.95", "p95"), of("0.99", "p99")}
}

const failing = `postrider_delivery_attempts_total{outcome!~"success|endpoint_disabled|payload_expired"}`

func overview() *dashboard {
	d := newDashboard("overview", "Overview", "The four golden signals of the pipeline: traffic, latency, errors, saturation.", choice("prometheus", "Prometheus", prometheus))
	d.row("Traffic",
		graph("Events posted", "reqps", "What became of what producers posted.",
			query{"{{result}}", `sum by (result) (rate(postrider_events_accepted_total[$__rate_interval]))`},
			query{"shed", `sum(rate(postrider_requests_shed_total[$__rate_interval]))`}),
		graph("Attempts", "reqps", "HTTP calls to endpoints, by how they ended.",
			query{"{{outcome}}", `sum by (outcome) (rate(postrider_delivery_attempts_total[$__rate_interval])) > 0`}),
		graph("From stage to stage", "ops", "What each stage hands on.",
			query{"events expanded", `sum(rate(postrider_events_expanded_total[$__rate_interval]))`},
			query{"deliveries made", `sum(rate(postrider_deliveries_published_total[$__rate_interval]))`},
			query{"retries due", `sum(rate(postrider_retries_released_total[$__rate_interval]))`},
			query{"given up", `sum(rate(postrider_dead_letters_total[$__rate_interval]))`}),
	)
	d.row("Latency",
		graph("From acceptance to the first attempt", "s", "Through the shared lanes: what users feel of the pipeline itself.",
			quantiles("postrider_first_attempt_latency_seconds", `{lane="shared"}`)...),
		graph("From acceptance to arrival", "s", "All retries included.", quantiles("postrider_delivery_age_seconds", "")...),
		graph("A batch of each stage (p95)", "s", "A server that is slow shows here.",
			query{"{{stage}}", `histogram_quantile(0.95, sum by (stage, le) (rate(postrider_stage_batch_duration_seconds_bucket[$__rate_interval])))`}),
	)
	d.row("Errors",
		share("Attempts that fail", "By how they end.",
			query{"{{outcome}}", `sum by (outcome) (rate(` + failing + `[$__rate_interval])) / scalar(sum(rate(postrider_delivery_attempts_total[$__rate_interval]))) > 0`}),
		share("Events that are not accepted", "Answered 503.", query{
			"share", `(sum(rate(postrider_events_accepted_total{result=~"error|overloaded"}[$__rate_interval])) + sum(rate(postrider_requests_shed_total[$__rate_interval])))` +
				` / (sum(rate(postrider_events_accepted_total[$__rate_interval])) + sum(rate(postrider_requests_shed_total[$__rate_interval])))`,
		}),
		graph("Dead letters and poison", "short", "What waits for somebody to look at it.",
			query{"dead letters", `max(postrider_dlq_letters)`}, query{"poison", `max(postrider_poison_messages)`}),
	)
	d.row("Saturation",
		graph("Backlog", "short", "What waits for a stage itself: not what waits for an endpoint, a limit or its time.",
			query{"{{stage}}", `max by (stage) (postrider_stage_backlog_messages)`}),
		graph("Oldest message", "s", "Since when the oldest of that waits.",
			query{"{{stage}}", `max by (stage) (postrider_stage_oldest_message_age_seconds)`}),
		graph("What waits for something else", "short", "Retries for their time; deliveries in lanes of their own for their endpoint, a limit, or their turn behind others of the application.",
			query{"retries", `max(postrider_retries_waiting)`}, query{"lane of {{lane}}", `max by (lane) (postrider_own_lane_messages)`}),
		graph("Attempts in flight", "short", "By class; each process has POSTRIDER_SLOTS of them.",
			query{"{{class}}", `sum by (class) (postrider_attempts_in_flight)`}),
		share("Streams: room used", "At 100 % a stream takes nothing more.", query{"{{stream}}", `max by (stream) (postrider_stream_used_ratio)`}),
		graph("Endpoints in trouble", "short", "Open circuit breakers, and endpoints disabled within the hour.",
			query{"breakers open", `max(postrider_circuit_open_endpoints)`},
			query{"disabled: {{reason}}", `sum by (reason) (increase(postrider_endpoints_disabled_total[1h]))`}),
	)
	d.row("Processes",
		graph("Ready", "short", "Processes that can do their work.", query{"{{stage}}", `sum by (stage) (postrider_stage_ready)`}),
		graph("Blocked", "short", "Processes that wait for a server, or for a stream that is full or missing.", query{"{{on}}", `sum by (on) (postrider_blocked)`}),
		graph("Until there are partitions", "dateTimeFromNow", "A week ahead, made every hour. Without one nothing is accepted.",
			query{"partitions", `max(postrider_partitions_end_timestamp_seconds) * 1000`}),
	)
	return d
}
