package api

import (
	"net/http"
	"time"

	"github.com/postrider/postrider/shared/bus"
)

// Stream is a stream of NATS with its consumers.
type Stream struct {
	bus.StreamState

	Consumers []bus.ConsumerState
}

func streamRoutes() []route {
	return []route{{"GET", "/admin/streams", forOperators, (*call).listStreams}}
}

// natsStream is a Stream as clients see it.
type natsStream struct {
	Name         string         `json:"name"`
	Description  string         `json:"description"`
	Messages     uint64         `json:"messages"`
	Bytes        uint64         `json:"bytes"`
	MaxBytes     *int64         `json:"maxBytes"` // null: as many as it likes
	OldestAt     *time.Time     `json:"oldestAt"` // null: it is empty
	LastSequence uint64         `json:"lastSequence"`
	Consumers    []natsConsumer `json:"consumers"`
}

type natsConsumer struct {
	Name          string `json:"name"`
	Filter        string `json:"filter"`
	Waiting       uint64 `json:"waiting"`
	InFlight      int    `json:"inFlight"`
	Redelivered   int    `json:"redelivered"`
	Pulls         int    `json:"pulls"`
	PausedSeconds int64  `json:"pausedSeconds"`
}

func showStream(s *Stream) natsStream {
	shown := natsStream{
		Name: s.Name, Description: s.Description, Messages: s.Messages, Bytes: s.Bytes,
		MaxBytes: none(max(s.MaxBytes, 0)), OldestAt: none(s.Oldest.UTC()), LastSequence: s.LastSeq, Consumers: []natsConsumer{},
	}
	for _, c := range s.Consumers {
		shown.Consumers = append(shown.Consumers, natsConsumer{
			Name: c.Name, Filter: c.Filter, Waiting: c.Waiting, InFlight: c.InFlight, Redelivered: c.Redelivered, Pulls: c.Pulls,
			PausedSeconds: int64(c.Paused.Seconds()),
		})
	}
	return shown
}

// listStreams tells what is on the streams. NATS is asked, not the database.
func (c *call) listStreams(r *http.Request) (reply, error) {
	found, err := c.Look(r.Context())
	if err != nil {
		return reply{}, err
	}
	shown := make([]natsStream, len(found))
	for i := range found {
		shown[i] = showStream(&found[i])
	}
	return ok(struct {
		Data []natsStream `json:"data"`
	}{shown}), nil
}
