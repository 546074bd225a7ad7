package web

import (
	"maps"
	"slices"
)

// Reasons are the choices of a filter of dead letters: the reasons that there are, by
// what was counted, and the one that was chosen.
func (f Filter) Reasons(counted map[string]int64) []Choice {
	choices := f.Options("reason", "", "any")
	names := slices.Sorted(maps.Keys(counted))
	if chosen := f.Value("reason"); chosen != "" && !slices.Contains(names, chosen) {
		names = append(names, chosen)
	}
	for _, name := range names {
		choices = append(choices, f.Options("reason", name, Outcome(name))...)
	}
	return choices
}

// Redrive is what a filter of dead letters chooses, as the API wants it of a redrive. It
// is empty where nothing is chosen.
func (f Filter) Redrive() map[string]any {
	fields, asked := make(map[string]any), f.Asked()
	for name, field := range map[string]string{"app_id": "appId", "endpoint_id": "endpointId", "reason": "reason", "after": "since", "before": "until"} {
		if asked.Has(name) {
			fields[field] = asked.Get(name)
		}
	}
	if types := f.List("event_types"); types != nil {
		fields["eventTypes"] = types
	}
	return fields
}
