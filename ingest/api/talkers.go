package api

import (
	"cmp"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/postrider/postrider/shared/event"
)

// Talk is who has how much of the pipeline now.
type Talk struct {
	Workers int // deliver processes that answered
	Slots   int // attempts in flight in all of them
	Talkers []Talker
}

// Talker is how much of the pipeline a tenant has now, or one of its endpoints.
type Talker struct {
	event.Talker

	Backlog int       // stored for it on DELIVER and OVERFLOW, what is in flight included
	Oldest  time.Time // since when the oldest of that is there, where it was looked for; else zero
}

func talkerRoutes() []route {
	return []route{{"GET", "/admin/top-talkers", forOperators, (*call).topTalkers}}
}

// topTalker is a Talker as clients see it.
type topTalker struct {
	AppID      string     `json:"appId"`
	EndpointID *string    `json:"endpointId"` // null: all of the application's
	Slots      int        `json:"slots"`
	Waiting    int        `json:"waiting"`
	Backlog    int        `json:"backlog"`
	OldestAt   *time.Time `json:"oldestAt"`
}

func showTalker(t *Talker) topTalker {
	shown := topTalker{
		AppID: event.Tenant.Format(t.Tenant), Slots: t.Slots, Waiting: t.Waiting, Backlog: t.Backlog, OldestAt: none(t.Oldest.UTC()),
	}
	if !t.Endpoint.IsZero() {
		shown.EndpointID = none(event.Endpoint.Format(t.Endpoint))
	}
	return shown
}

// ranking is those that have most, by each of what one can have too much of.
type ranking struct {
	BySlots   []topTalker `json:"bySlots"`
	ByBacklog []topTalker `json:"byBacklog"`
	ByAge     []topTalker `json:"byAge"`
}

func rank(talkers []Talker, limit int) ranking {
	return ranking{
		BySlots:   most(talkers, limit, func(t *Talker) int64 { return int64(t.Slots) }),
		ByBacklog: most(talkers, limit, func(t *Talker) int64 { return int64(t.Backlog) }),
		ByAge: most(talkers, limit, func(t *Talker) int64 {
			if t.Oldest.IsZero() {
				return 0
			}
			return math.MaxInt64 - t.Oldest.UnixNano()
		}),
	}
}

// most is those that have most of something, and not nothing of it. Of two that
// have the same, the older one comes first.
func most(talkers []Talker, limit int, of func(*Talker) int64) []topTalker {
	ranked := make([]*Talker, 0, len(talkers))
	for i := range talkers {
		if of(&talkers[i]) > 0 {
			ranked = append(ranked, &talkers[i])
		}
	}
	slices.SortFunc(ranked, func(a, b *Talker) int {
		return cmp.Or(cmp.Compare(of(b), of(a)), a.Tenant.Compare(b.Tenant), a.Endpoint.Compare(b.Endpoint))
	})
	shown := make([]topTalker, 0, min(limit, len(ranked)))
	for _, t := range ranked[:cap(shown)] {
		shown = append(shown, showTalker(t))
	}
	return shown
}

// topTalkers tells who has most of the pipeline now. The deliver processes and the
// streams are asked, not the database.
func (c *call) topTalkers(r *http.Request) (reply, error) {
	p := readParams(r)
	limit := p.limit()
	if err := p.err(); err != nil {
		return reply{}, err
	}
	talk, err := c.Talk(r.Context())
	if err != nil {
		return reply{}, err
	}
	var applications, endpoints []Talker
	for _, t := range talk.Talkers {
		if t.Endpoint.IsZero() {
			applications = append(applications, t)
		} else {
			endpoints = append(endpoints, t)
		}
	}
	return ok(struct {
		Workers      int     `json:"workers"`
		Slots        int     `json:"slots"`
		Applications ranking `json:"applications"`
		Endpoints    ranking `json:"endpoints"`
	}{talk.Workers, talk.Slots, rank(applications, limit), rank(endpoints, limit)}), nil
}
