package member

// tab leads to another page about the same thing.
type tab struct {
	Label, Path string
	Here        bool
}

// endpointTabs are the pages about one endpoint, the one with that label being shown.
func endpointTabs(id, here string) []tab {
	tabs := []tab{
		{Label: "Overview", Path: endpointPath(id)},
		{Label: "Attempts", Path: endpointPath(id, "attempts")},
		{Label: "Activity", Path: endpointPath(id, "activity")},
		{Label: "Try it", Path: endpointPath(id, "try")},
		{Label: "Signatures", Path: endpointPath(id, "signatures")},
	}
	for i := range tabs {
		tabs[i].Here = tabs[i].Label == here
	}
	return tabs
}
