package api

import (
	"context"
	"net/http"
	"time"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

// streamMessages is poll that goes on: messages are sent as they come, as
// server-sent events whose ids are iterators.
func (c *call) streamMessages(r *http.Request) (reply, error) {
	p := readParams(r)
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		p.values.Set("iterator", last)
	}
	at, filter := p.start(), p.pollFilter()
	if err := p.err(); err != nil {
		return reply{}, err
	}
	tenant, err := c.sink(r)
	if err != nil {
		return reply{}, err
	}
	leave, err := c.streams.enter(tenant.ID)
	if err != nil {
		return reply{}, err
	}
	follow := follower{server: c.server, Store: c.Store, tenant: tenant.ID, filter: filter, at: at}
	return ok(stream(func(ctx context.Context, f *flow) error {
		defer leave()
		return follow.run(ctx, f)
	})), nil
}

// follower sends what comes.
type follower struct {
	*server

	Store  *store.Store // of the tenant
	tenant event.ID
	filter store.EventFilter
	at     store.Position
	said   time.Time // when something was sent last
}

func (s *follower) run(ctx context.Context, f *flow) error {
	pause := time.NewTicker(streamPause)
	defer pause.Stop()
	s.said = time.Now()
	for ctx.Err() == nil {
		done, err := s.look(ctx, f)
		if err != nil {
			return err
		}
		if !done {
			continue
		}
		// The id has whoever comes back not look at all again where nothing was.
		if time.Since(s.said) >= streamBeat {
			s.said = time.Now()
			if err := f.send(": nothing new\nid: %s\n\n", iteratorOf(s.at)); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
	}
	return nil
}

// look sends a page of what has come, and reports whether that was all.
func (s *follower) look(ctx context.Context, f *flow) (done bool, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.Timeout, errTimeout)
	defer cancel()
	page, err := s.Store.Poll(ctx, s.tenant, s.at, s.filter, defaultLimit)
	if err != nil {
		return false, err
	}
	for i := range page.Events {
		data, err := encode(showMessage(&page.Events[i], true)) // without line breaks, but at its end
		if err != nil {
			return false, err
		}
		if err := f.send("id: %s\nevent: message\ndata: %s\n", iteratorOf(page.After(i)), data); err != nil {
			return false, err
		}
		s.said = time.Now()
	}
	s.at = page.Next
	return page.Done, nil
}
