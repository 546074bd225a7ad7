package api

import (
	"context"
	"net/http"
	"time"

	"github.com/postrider/postrider/shared/event"
)

// Lanes are the lanes of single tenants and endpoints in which something waits.
type Lanes struct {
	Workers int // deliver processes that answered, which share them
	Open    int // that are worked on now
	Lanes   []Lane
	More    bool // there are others, with shorter backlogs
}

// Lane is a lane of its own.
type Lane struct {
	event.OwnLane

	Backlog  int       // deliveries on OVERFLOW, what is in memory and in flight included
	Oldest   time.Time // since when the oldest of them is there
	Instance string    // process that works on it; empty: none does
}

// laneLooker finds the own lanes with the longest backlogs, at most limit.
type laneLooker func(ctx context.Context, limit int) (Lanes, error)

func laneRoutes() []route {
	return []route{
		{"GET", "/admin/lanes", forOperators, (*call).listLanes},
		{"GET", "/admin/circuits", forOperators, (*call).listCircuits},
	}
}

// ownLane is a Lane as clients see it.
type ownLane struct {
	Kind       string     `json:"kind"`
	AppID      *string    `json:"appId"` // null: of operational webhooks
	EndpointID *string    `json:"endpointId"`
	Backlog    int        `json:"backlog"`
	OldestAt   *time.Time `json:"oldestAt"`
	State      string     `json:"state"`
	Instance   *string    `json:"instance"`
}

func showLane(l *Lane) ownLane {
	shown := ownLane{
		Kind: l.Kind(), AppID: showOwner(l.Tenant), Backlog: l.Backlog, OldestAt: none(l.Oldest.UTC()), State: "waiting", Instance: none(l.Instance),
	}
	if !l.Endpoint.IsZero() {
		shown.EndpointID = new(event.Endpoint.Format(l.Endpoint))
	}
	if l.Instance != "" {
		shown.State = "open"
	}
	return shown
}

// listLanes tells which applications and endpoints have lanes of their own now, and
// who works on them. The deliver processes and NATS are asked, not the database.
func (c *call) listLanes(r *http.Request) (reply, error) {
	p := readParams(r)
	limit := p.limit()
	if err := p.err(); err != nil {
		return reply{}, err
	}
	found, err := c.Lanes(r.Context(), limit)
	if err != nil {
		return reply{}, err
	}
	shown := make([]ownLane, len(found.Lanes))
	for i := range found.Lanes {
		shown[i] = showLane(&found.Lanes[i])
	}
	return ok(struct {
		Workers int       `json:"workers"`
		Open    int       `json:"open"`
		Data    []ownLane `json:"data"`
		More    bool      `json:"more"`
	}{found.Workers, found.Open, shown, found.More}), nil
}
