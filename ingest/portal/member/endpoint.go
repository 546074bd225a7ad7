package member

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
)

// endpointView is one endpoint.
type endpointView struct {
	client.Endpoint

	State   web.State
	Reason  string
	Health  *health // nil: cannot be known at the moment
	Headers []string
}

func showEndpoint(v *web.Visit) error {
	e, err := v.API.Endpoint(v.Context(), v.App, v.Value("endpoint"))
	if err != nil {
		return err
	}
	headers, err := v.API.Headers(v.Context(), v.App, e.ID)
	if err != nil {
		return err
	}
	view := endpointView{
		Endpoint: e, Reason: endpointReason(&e),
		Headers: slices.Sorted(slices.Values(append(slices.Collect(maps.Keys(headers.Headers)), headers.Sensitive...))),
	}
	var last *client.Activity
	if activities, err := activitiesOf(v, []client.Endpoint{e}); err == nil { // else the page has all but this
		last = activities[0]
	}
	view.State = endpointState(&e, last)
	if view.Health, err = healthOf(last); err != nil {
		return err
	}
	return v.Render("endpoint", view)
}

// Tabs are the other pages about it.
func (v endpointView) Tabs() []tab { return endpointTabs(v.ID, "Overview") }

// Retries is the retry schedule in words.
func (v endpointView) Retries() string {
	switch {
	case v.RetrySchedule == nil:
		return "as the application has it"
	case len(v.RetrySchedule) == 0:
		return "none"
	default:
		return "after " + strings.Join(v.RetrySchedule, ", ")
	}
}

// Limit is the limit in words.
func (v endpointView) Limit() string {
	if v.ThrottleRate == nil {
		return "none"
	}
	return strconv.Itoa(*v.ThrottleRate) + " messages a second"
}

// Order is the order of deliveries in words.
func (v endpointView) Order() string {
	switch {
	case !v.Ordered:
		return "any"
	case v.OrderedPolicy == "skip":
		return "as accepted; one that fails is skipped"
	default:
		return "as accepted; one that fails holds up the others"
	}
}

// Timeout is how long an attempt may take, in words.
func (v endpointView) Timeout() string {
	if v.TimeoutMs == nil {
		return "as the installation has it"
	}
	return fmt.Sprintf("%g s", float64(*v.TimeoutMs)/1000)
}
