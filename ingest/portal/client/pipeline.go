package client

import (
	"context"
	"net/url"
	"strconv"
	"time"
)

// Stages is what the stages do, in the order in which events come through them.
type Stages struct {
	Complete bool    `json:"complete"` // false: only this process could be asked
	Data     []Stage `json:"data"`
}

// Stage is a stage in all its processes.
type Stage struct {
	Name      string  `json:"stage"`
	Processes int     `json:"processes"`
	Ready     int     `json:"ready"`     // of the processes
	PerSecond float64 `json:"perSecond"` // over the last minute
	Recent    struct {
		StepSeconds int        `json:"stepSeconds"`
		Until       *time.Time `json:"until"`     // end of the last step; nil: not known
		PerSecond   []float64  `json:"perSecond"` // oldest first
	} `json:"recent"`
	FirstAttemptMs *Quantiles    `json:"firstAttemptMs"` // nil: there was none, or this is not deliver
	Backlog        *StageBacklog `json:"backlog"`        // nil: not known
}

// StageBacklog is what waits for a stage.
type StageBacklog struct {
	Messages int64      `json:"messages"`
	OldestAt *time.Time `json:"oldestAt"` // nil: nothing waits
}

// Stages asks what all stages do.
func (c *Client) Stages(ctx context.Context) (Stages, error) {
	var s Stages
	return s, c.Get(ctx, "/admin/stages", nil, &s)
}

// Processes is all that run.
type Processes struct {
	Complete bool      `json:"complete"` // false: only this process could be asked
	Data     []Process `json:"data"`
}

// Process is one that runs.
type Process struct {
	Instance         string         `json:"instance"`
	Host             string         `json:"host"`
	PID              int            `json:"pid"`
	Version          string         `json:"version"`
	StartedAt        time.Time      `json:"startedAt"`
	MemoryBytes      int64          `json:"memoryBytes"`
	MemoryLimitBytes int64          `json:"memoryLimitBytes"`
	Goroutines       int64          `json:"goroutines"`
	Stages           []ProcessStage `json:"stages"`
}

// ProcessStage is a stage in a process.
type ProcessStage struct {
	Name   string  `json:"stage"`
	Ready  bool    `json:"ready"`
	Reason *string `json:"reason"` // nil: it is ready
}

// Processes asks how all processes are.
func (c *Client) Processes(ctx context.Context) (Processes, error) {
	var p Processes
	return p, c.Get(ctx, "/admin/processes", nil, &p)
}

// Stream is a stream of NATS.
type Stream struct {
	Name         string     `json:"name"`
	Description  string     `json:"description"`
	Messages     int64      `json:"messages"`
	Bytes        int64      `json:"bytes"`
	MaxBytes     *int64     `json:"maxBytes"` // nil: any number
	OldestAt     *time.Time `json:"oldestAt"` // nil: it is empty
	LastSequence int64      `json:"lastSequence"`
	Consumers    []Consumer `json:"consumers"`
}

// Consumer is a consumer of a stream.
type Consumer struct {
	Name          string `json:"name"`
	Filter        string `json:"filter"`
	Waiting       int64  `json:"waiting"`
	InFlight      int64  `json:"inFlight"`
	Redelivered   int64  `json:"redelivered"`
	Pulls         int64  `json:"pulls"`
	PausedSeconds int64  `json:"pausedSeconds"`
}

// Streams asks NATS for all of them.
func (c *Client) Streams(ctx context.Context) ([]Stream, error) {
	var list struct {
		Data []Stream `json:"data"`
	}
	err := c.Get(ctx, "/admin/streams", nil, &list)
	return list.Data, err
}

// Talkers is who has most of the pipeline now.
type Talkers struct {
	Workers      int     `json:"workers"` // deliver processes that answered
	Slots        int     `json:"slots"`   // attempts in flight in all of them
	Applications Ranking `json:"applications"`
	Endpoints    Ranking `json:"endpoints"`
}

// Ranking is those that have most, by each of what one can have too much of.
type Ranking struct {
	BySlots   []Talker `json:"bySlots"`
	ByBacklog []Talker `json:"byBacklog"`
	ByAge     []Talker `json:"byAge"`
}

// Talker is how much an application has, or one of its endpoints.
type Talker struct {
	AppID      string     `json:"appId"`
	EndpointID *string    `json:"endpointId"` // nil: all of the application's
	Slots      int64      `json:"slots"`
	Waiting    int64      `json:"waiting"`
	Backlog    int64      `json:"backlog"`
	OldestAt   *time.Time `json:"oldestAt"` // nil: not looked for
}

// Talkers asks who has most, at most so many in each ranking.
func (c *Client) Talkers(ctx context.Context, limit int) (Talkers, error) {
	var t Talkers
	return t, c.Get(ctx, "/admin/top-talkers", url.Values{"limit": {strconv.Itoa(limit)}}, &t)
}

// Lanes is the own lanes of those that do not fit into the shared ones.
type Lanes struct {
	Workers int    `json:"workers"` // deliver processes that share them
	Open    int    `json:"open"`    // that are worked on now
	Data    []Lane `json:"data"`    // the longest first
	More    bool   `json:"more"`    // whether there are others
}

// Lane is the own lane of an application or of an endpoint.
type Lane struct {
	Kind       string     `json:"kind"`       // tenant or endpoint
	AppID      string     `json:"appId"`      // empty: operational webhooks
	EndpointID *string    `json:"endpointId"` // nil: all of the application's
	Backlog    int64      `json:"backlog"`
	OldestAt   *time.Time `json:"oldestAt"`
	State      string     `json:"state"`    // open or waiting
	Instance   *string    `json:"instance"` // the process that works on it; nil: none
}

// Lanes asks for the own lanes, at most so many.
func (c *Client) Lanes(ctx context.Context, limit int) (Lanes, error) {
	var l Lanes
	return l, c.Get(ctx, "/admin/lanes", url.Values{"limit": {strconv.Itoa(limit)}}, &l)
}

// OpenCircuit is a circuit breaker that is not closed.
type OpenCircuit struct {
	Circuit

	AppID        string `json:"appId"` // empty: of operational webhooks
	EndpointID   string `json:"endpointId"`
	URL          string `json:"url"`
	FailedProbes int    `json:"failedProbes"`
}

// Circuits is a page of those. Query is app_id, limit, iterator and order.
func (c *Client) Circuits(ctx context.Context, query url.Values) (List[OpenCircuit], error) {
	var page List[OpenCircuit]
	return page, c.Get(ctx, "/admin/circuits", query, &page)
}
