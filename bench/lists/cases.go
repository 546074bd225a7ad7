package main

import (
	"net/url"
	"strings"
	"time"

	"github.com/postrider/postrider/shared/event"
)

// statsLimit is what the statistics of an endpoint may take. They are no list and
// have no pages: all attempts of the time are counted.
const statsLimit = time.Second

// pageLimit is what a page may take that asks processes as well as the database.
const pageLimit = 200 * time.Millisecond

// list is a page of a list that is asked for.
type list struct {
	name, path string
	limit      time.Duration // of the median, if not that of all; 0: that
	page       bool          // of the portal or the console, and not of the API
}

// cases are those that users ask for: of the busiest application and endpoint,
// its first page and one far back, with each filter. Hardly anything is of the
// rare type or in the rare channel, so that most rows are looked at in vain.
func (f *filler) cases() []list {
	app := "/app/" + event.Tenant.Format(f.apps[0])
	hook := event.Endpoint.Format(f.hooks[0][0])
	far := func(kind event.Kind, id event.ID) string { return "iterator=" + kind.Format(id) }
	old := event.Message.Format(f.oldEvent)
	half := url.QueryEscape(f.halfTime.UTC().Format(time.RFC3339))
	day := url.QueryEscape(f.halfTime.AddDate(0, 0, 1).UTC().Format(time.RFC3339))

	var all []list
	add := func(name, path string, filters ...string) {
		all = append(all, list{name: name, path: path})
		for _, filter := range filters {
			all = append(all, list{name: name + ", " + filter, path: path + "?" + filter})
		}
	}
	span := "after=" + half + "&before=" + day
	add("attempts of an endpoint", app+"/attempt/endpoint/"+hook,
		far(event.Attempt, f.oldAttempt), "limit=250", "status=0", "status=2", "status_code_class=500", "status_code_class=400",
		"status_code_class=100", "event_types=type.1,type.2", "event_types=type.rare", "channel=us", "channel=rare", "channel=none",
		"before="+half, span)
	add("attempts of a message", app+"/attempt/msg/"+old, "status=0", "status_code_class=500", "channel=eu")
	add("messages", app+"/msg", far(event.Message, f.oldEvent), "event_types=type.1", "event_types=type.rare", "channel=rare", "channel=none", "before="+half, span,
		"with_deliveries=true", far(event.Message, f.oldEvent)+"&with_deliveries=true", "status=2", "status=3&status_code_class=500", "endpoint_id="+hook+"&status=2")
	add("messages at an endpoint", app+"/endpoint/"+hook+"/msg",
		far(event.Message, f.oldEvent), far(event.Message, f.oldEvent)+"&channel=none", "status=0", "status=2", "event_types=type.rare", "channel=rare", "channel=none", "before="+half, span)
	add("endpoints of a message", app+"/msg/"+old+"/endpoint")
	stats := app + "/endpoint/" + hook + "/stats"
	add("statistics of an endpoint, a day", stats+"?since="+half+"&until="+day)
	all = append(all, list{name: "statistics of an endpoint, 28 days", path: stats, limit: statsLimit})
	add("dead letters of an endpoint", app+"/endpoint/"+hook+"/dlq", "before="+half)
	add("a message", app+"/msg/"+old)
	for _, period := range []string{"hour", "day", "week", "month"} {
		all = append(all, list{name: "activity of an endpoint, " + period, path: app + "/endpoint/" + hook + "/activity?period=" + period, limit: pageLimit})
	}
	all = append(all, list{name: "activity of all endpoints, day", path: app + "/activity?endpoint_ids=" + f.charted(), limit: pageLimit})
	return append(all, f.pages()...)
}

// charted are the endpoints of the first application, for a chart of each.
func (f *filler) charted() string {
	ids := make([]string, len(f.hooks[0]))
	for i, id := range f.hooks[0] {
		ids[i] = event.Endpoint.Format(id)
	}
	return strings.Join(ids, ",")
}
