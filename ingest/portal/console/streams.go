package console

import (
	"context"
	"time"

	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
)

const streamsPath = "/console/streams"

func streamRoutes() []web.Route {
	return []web.Route{
		web.Get("/streams", showStreams),
		web.Get("/streams/live", followStreams),
	}
}

// streamsView is the streams of NATS, as its own tools show them.
type streamsView struct {
	Moving  moving
	Known   bool // else NATS is away
	Streams []client.Stream
}

func showStreams(v *web.Visit) error {
	view, err := streams(v.Context(), v.API)
	if err != nil {
		return err
	}
	view.Moving = movingOf(v, streamsPath)
	return v.Render("streams", view)
}

func followStreams(v *web.Visit) error {
	return v.Live(liveInterval, func(ctx context.Context, live *web.Live) error {
		view, err := streams(ctx, v.API)
		if err != nil {
			return err
		}
		return live.Send("now", "streams", "now", view)
	})
}

func streams(ctx context.Context, api *client.Client) (streamsView, error) {
	found, err := api.Streams(ctx)
	if err != nil && !away(err) {
		return streamsView{}, err
	}
	return streamsView{Moving: moving{At: time.Now()}, Known: err == nil, Streams: found}, nil
}
