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
		web.Get("/streams/live", followStreams), // streams are in capitals
		web.Get("/streams/{stream}", showStream),
		web.Get("/streams/{stream}/live", followStream),
	}
}

// streamsView is the streams of NATS, as its own tools show them.
type streamsView struct {
	Moving  moving
	Known   bool // else NATS is away
	Streams []client.Stream
}

// Total adds up what there is over the consumers of a stream.
func (v streamsView) Total(s client.Stream) (all client.Consumer) {
	for _, c := range s.Consumers {
		all.Waiting += c.Waiting
		all.InFlight += c.InFlight
	}
	return all
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

// streamView is one of them with its consumers.
type streamView struct {
	client.Stream

	Moving moving
}

func showStream(v *web.Visit) error {
	view, err := stream(v.Context(), v.API, v.Value("stream"))
	if err != nil {
		return err
	}
	view.Moving = movingOf(v, client.Path("console", "streams", view.Name))
	return v.Render("stream", view)
}

func followStream(v *web.Visit) error {
	return v.Live(liveInterval, func(ctx context.Context, live *web.Live) error {
		view, err := stream(ctx, v.API, v.Value("stream"))
		if err != nil {
			return err
		}
		return live.Send("now", "stream", "now", view)
	})
}

func stream(ctx context.Context, api *client.Client, name string) (streamView, error) {
	found, err := api.Streams(ctx)
	if err != nil {
		return streamView{}, err
	}
	for _, s := range found {
		if s.Name == name {
			return streamView{Stream: s, Moving: moving{At: time.Now()}}, nil
		}
	}
	return streamView{}, web.ErrNowhere
}
