package main

import "strings"

// No metric has an application in its labels, since there may be any number of them.
// What is known of one is in PostgreSQL, so that is what this dashboard asks, as the
// role postrider_read (deploy/postgres), which sees neither keys nor secrets and may not write.
const why = `No metric names an application: there may be a million of them. So this page asks PostgreSQL, through a data source with the role ` + "`postrider_read`" + `
(deploy/postgres/roles.sql), which sees neither keys nor secrets, changes nothing and is stopped after a minute. It knows what happened; what waits
at this moment, and who holds most of the slots, is on the streams and in memory: ` + "`GET /admin/top-talkers`" + ` and ` + "`postrider streams backlog`" + ` tell.`

// Parts of the statements. An id begins with its time, so a range of ids is one of
// time, and only the partitions of its days are looked at.
const (
	from = `(lpad(to_hex($__from::bigint), 12, '0') || repeat('0', 20))::uuid`
	to   = `(lpad(to_hex($__to::bigint), 12, '0') || repeat('0', 20))::uuid`

	of = `${application:sqlstring}::uuid`
)

// timeOf is when an id was made.
func timeOf(id string) string {
	return `to_timestamp(('x' || left(replace(` + id + `::text, '-', ''), 12))::bit(48)::bigint / 1000.0)`
}

// binned is a count of rows over time, by a name.
func binned(name, id, rows string) string {
	return `SELECT date_bin('$__interval', ` + timeOf(id) + `, timestamptz 'epoch') AS time, ` + name + ` AS metric, count(*) AS value FROM ` +
		rows + ` AND ` + id + ` >= ` + from + ` AND ` + id + ` < ` + to + ` GROUP BY 1, 2 ORDER BY 1`
}

const atEndpoints = `endpoints e JOIN attempts a ON a.endpoint_id = e.id WHERE e.tenant_id = ` + of

func applications() *dashboard {
	d := newDashboard("application", "Application", "What became of the messages of one application.",
		choice("postgres", "PostgreSQL", postgres),
		variable{Name: "search", Label: "Name begins with", Type: "textbox"},
		variable{
			Name: "application", Label: "Application", Type: "query", Datasource: postgres, Refresh: 2,
			Query: `SELECT coalesce(uid || ' ', '') || name AS __text, id::text AS __value FROM tenants WHERE deleted_at IS NULL` +
				` AND (name ILIKE ${search:sqlstring} || '%' OR uid ILIKE ${search:sqlstring} || '%') ORDER BY name LIMIT 200`,
		})
	d.row("About this page", &panel{Type: "text", Title: "", Options: map[string]string{"mode": "markdown", "content": strings.ReplaceAll(why, "\n", " ")}})
	d.row("What happened",
		history("Messages", "By event type.", binned("event_type", "id", "events WHERE tenant_id = "+of)),
		history("Attempts", "By how they ended.", binned("outcome", "a.id", atEndpoints)),
		history("Dead letters", "By reason, at the time of their message.", binned("reason", "event_id", "dead_letters WHERE tenant_id = "+of)),
	)
	d.row("Endpoints",
		table("Endpoints", "How each is now.", `SELECT split_part(split_part(e.url, '://', 2), '/', 1) AS host, e.uid,
	CASE WHEN e.disabled THEN 'disabled ' || coalesce(e.disabled_reason, '') WHEN e.paused THEN 'paused' WHEN b.opened_at IS NOT NULL THEN 'breaker open' ELSE 'active' END AS state,
	f.since AS failing_since, b.opened_at AS breaker_open_since, b.next_probe_at AS next_probe, e.ordered, e.throttle_rate
FROM endpoints e LEFT JOIN endpoint_failures f ON f.endpoint_id = e.id LEFT JOIN endpoint_breakers b ON b.endpoint_id = e.id
WHERE e.tenant_id = `+of+` AND e.deleted_at IS NULL ORDER BY f.since NULLS LAST, e.id LIMIT 200`),
		table("Newest attempts that failed", "With the status, 0 for none, and how long they took.", `SELECT `+timeOf("a.id")+` AS time, split_part(split_part(e.url, '://', 2), '/', 1) AS host,
	a.outcome, a.status_code, a.duration_ms, a.attempt, a.next_at
FROM `+atEndpoints+` AND a.outcome <> 'success' AND a.id >= `+from+` AND a.id < `+to+` ORDER BY a.id DESC LIMIT 50`),
	)
	return d
}

func history(title, description, sql string) *panel {
	p := graph(title, "short", description)
	p.Datasource = postgres
	p.Targets = []target{{RefID: "A", RawSQL: sql, RawQuery: true, Format: "time_series"}}
	return p
}

func table(title, description, sql string) *panel {
	return &panel{
		Type: "table", Title: title, Description: description, Datasource: postgres,
		Targets:     []target{{RefID: "A", RawSQL: sql, RawQuery: true, Format: "table"}},
		FieldConfig: &fieldConfig{fieldDefaults{Unit: "none"}, []any{}},
	}
}
