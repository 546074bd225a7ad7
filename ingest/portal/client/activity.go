package client

import (
	"context"
	"net/url"
	"strings"
	"time"
)

// Activity is what was attempted at an endpoint over time.
type Activity struct {
	EndpointID    string         `json:"endpointId"`
	Since         time.Time      `json:"since"`
	Until         time.Time      `json:"until"`
	BucketSeconds int            `json:"bucketSeconds"`
	Complete      bool           `json:"complete"` // false: there was more than was counted
	Total         Figures        `json:"total"`
	Buckets       []ActivityPart `json:"buckets"`
}

// ActivityPart is one part of the time, oldest first.
type ActivityPart struct {
	Figures

	At time.Time `json:"at"` // its beginning
}

// Figures are what attempts come to.
type Figures struct {
	Succeeded  int64            `json:"succeeded"`
	Failed     int64            `json:"failed"`
	ByOutcome  map[string]int64 `json:"byOutcome"`
	DurationMs *Quantiles       `json:"durationMs"` // nil: nothing was sent
}

// Quantiles are durations in milliseconds.
type Quantiles struct {
	P50 int64 `json:"p50"`
	P95 int64 `json:"p95"`
	P99 int64 `json:"p99"`
}

// EndpointActivity is the activity of one endpoint. Query is period: hour, day, week or
// month.
func (c *Client) EndpointActivity(ctx context.Context, app, endpoint string, query url.Values) (Activity, error) {
	var a Activity
	return a, c.Get(ctx, Path("app", app, "endpoint", endpoint, "activity"), query, &a)
}

// Activities is the activity of at most 100 endpoints, in their order. Period is as that
// of EndpointActivity; empty: a day.
func (c *Client) Activities(ctx context.Context, app string, endpoints []string, period string) ([]Activity, error) {
	var list struct {
		Data []Activity `json:"data"`
	}
	query := url.Values{"endpoint_ids": {strings.Join(endpoints, ",")}}
	if period != "" {
		query.Set("period", period)
	}
	err := c.Get(ctx, Path("app", app, "activity"), query, &list)
	return list.Data, err
}
