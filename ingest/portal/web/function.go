package web

import (
	"encoding/json"
	"fmt"
	"html/template"
	"strconv"
	"time"

	"github.com/postrider/postrider/ingest/portal/client"
)

// functions are what templates have beside those of html/template.
func functions() template.FuncMap {
	return template.FuncMap{
		"asset":   assetPath,
		"config":  htmxConfig,
		"path":    client.Path,
		"input":   input,
		"choose":  choose,
		"when":    when,
		"ago":     func(at time.Time) Moment { return ago(at, time.Now()) },
		"age":     func(at time.Time) Moment { return age(at, time.Now()) },
		"text":    text,
		"count":   count,
		"bytes":   size,
		"outcome": Outcome,
		"good":    Good, "bad": Bad, "warn": Warn, "busy": Busy, "off": Off,
	}
}

// htmxConfig is how htmx is to work under our policy: it runs and styles nothing by
// itself, keeps no copies of pages, and shows answers that are errors too.
func htmxConfig() (string, error) {
	config, err := json.Marshal(map[string]any{
		"allowEval": false, "allowScriptTags": false, "includeIndicatorStyles": false, "selfRequestsOnly": true,
		"historyCacheSize": 0, "refreshOnHistoryMiss": true,
		"responseHandling": []map[string]any{{"code": "204", "swap": false}, {"code": "[2-5]..", "swap": true}},
	})
	return string(config), err
}

// Moment is a time as pages show it: exact for machines and on demand, short for people.
type Moment struct{ Machine, Exact, Short string }

// when is a time by its date.
func when(at time.Time) Moment {
	at = at.UTC()
	return Moment{at.Format(time.RFC3339), at.Format("2006-01-02 15:04:05 UTC"), at.Format("2 Jan 15:04")}
}

// ago is a time by how far it is from now, or by its date where that is more than a
// month.
func ago(at, now time.Time) Moment {
	m := when(at)
	past := now.Sub(at)
	switch away := past.Abs(); {
	case away < time.Minute:
		m.Short = "just now"
		return m
	case away > 30*24*time.Hour:
		m.Short = at.UTC().Format("2 Jan 2006")
		return m
	case past < 0:
		m.Short = "in " + span(away)
	default:
		m.Short = span(away) + " ago"
	}
	return m
}

// age is for how long something has been there, to the second.
func age(at, now time.Time) Moment {
	m := when(at)
	m.Short = span(max(0, now.Sub(at)))
	return m
}

// span is a time that passes, in its largest unit.
func span(d time.Duration) string {
	switch {
	case d >= 24*time.Hour:
		return fmt.Sprintf("%d d", int(d.Hours())/24)
	case d >= time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	case d >= time.Minute:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	default:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	}
}

// text is what may be absent: empty then.
func text(from *string) string {
	if from == nil {
		return ""
	}
	return *from
}

// count is a number with its thousands apart: 1 234 567.
func count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for at := len(digits) - 3; at > 0 && digits[at-1] != '-'; at -= 3 {
		digits = digits[:at] + "\u202f" + digits[at:]
	}
	return digits
}

// size is a number of bytes in the unit that fits: 1.5 MiB.
func size(n int64) string {
	if n < 1<<10 {
		return strconv.FormatInt(n, 10) + " B"
	}
	amount, unit := float64(n), -1
	for amount >= 1<<10 && unit < 3 {
		amount /= 1 << 10
		unit++
	}
	return strconv.FormatFloat(amount, 'f', 1, 64) + " " + [...]string{"KiB", "MiB", "GiB", "TiB"}[unit]
}
