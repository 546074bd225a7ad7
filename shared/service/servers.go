package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/store"
)

const (
	lookEvery   = time.Second
	lookTimeout = 5 * time.Second

	// A stage that waits for a server begins so soon after it is there.
	beginEvery = 100 * time.Millisecond
)

// servers watches over the two servers that everything stands on, for the log, the
// metrics and who asks whether a stage is ready.
type servers struct {
	db  *store.Store
	bus *bus.Bus
	log zerolog.Logger

	blocked    *prometheus.GaugeVec
	said       map[string]string // what was said last, by what it was about
	looked     bool              // the streams were looked for, on this connection
	connection uint64
	opened     bool // the database has let us in once
	met        bool // it is known what to doubt on this server
	laidOut    bool // the bus was told of the shards that there were at the start
}

// What a process can be blocked on.
const (
	onPostgres = "postgres"
	onNATS     = "nats"
	onStream   = "stream"
)

func newServers(db *store.Store, b *bus.Bus, log zerolog.Logger, reg prometheus.Registerer) *servers {
	s := &servers{db: db, bus: b, log: log, said: make(map[string]string), blocked: prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "postrider_blocked",
		Help: "1 while this process cannot do all of its work, by what it waits for: a server, or a stream that is full or missing.",
	}, []string{"on"})}
	reg.MustRegister(s.blocked, prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "postrider_messages_set_aside_total",
		Help: "Messages that nobody could handle and that were put to DLQ as poison.",
	}, func() float64 { return float64(b.SetAside()) }), prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "postrider_nats_denied_total",
		Help: "What the NATS server did not allow this process to publish or subscribe to.",
	}, func() float64 { return float64(b.Denials()) }))
	return s
}

// run looks every second until ctx ends. It returns an error when waiting will not
// help.
func (s *servers) run(ctx context.Context) error {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		if err := s.look(ctx); err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-s.bus.Closed():
			if ctx.Err() == nil {
				return adviseNATS(fmt.Errorf("connect to NATS: %w", s.bus.Refusal()))
			}
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *servers) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	err := s.db.Health(ctx)
	s.opened = s.opened || err == nil
	if err == nil && !s.laidOut {
		var layout bus.Layout
		layout, err = Layout(ctx, s.db)
		s.bus.Divide(layout.Shards)
		s.laidOut = err == nil
	}
	if hopeless(err) && !s.opened {
		return advise(onPostgres, err)
	}
	s.note(onPostgres, err)
	s.meet(ctx, err == nil)
	err = s.lookForStreams(ctx)
	if err == nil {
		err = s.bus.Health()
	}
	if missing(err) {
		s.note(onStream, err)
		s.note(onNATS, nil)
		return nil
	}
	s.note(onStream, nil)
	s.note(onNATS, err)
	return nil
}

// meet finds out, before any stage begins, until when messages were stored of which
// the server may not know what became of them. Where nobody can say so, that is all
// that there are.
func (s *servers) meet(ctx context.Context, opened bool) {
	if _, ok := s.bus.Connection(); !ok || s.met {
		return
	}
	s.met = true
	doubt := time.Now()
	if opened {
		if known, err := s.db.MeetServer(ctx, s.bus.Server()); err == nil {
			doubt = known
		}
	}
	s.bus.Doubt(doubt)
}

// lookForStreams looks for them once on each connection, and as long as they are
// missing.
func (s *servers) lookForStreams(ctx context.Context) error {
	connection, ok := s.bus.Connection()
	if !ok || s.looked && s.connection == connection {
		return nil // or Health tells it
	}
	err := s.bus.Verify(ctx)
	s.looked, s.connection = err == nil, connection
	return err
}

// note tells of a change.
func (s *servers) note(on string, err error) {
	blocked, said := 0.0, ""
	if err != nil {
		blocked, said = 1, oneLine(err)
	}
	s.blocked.WithLabelValues(on).Set(blocked)
	before := s.said[on]
	switch s.said[on] = said; {
	case said == before:
	case err != nil:
		s.log.Warn().Err(errors.New(oneLine(advise(on, err)))).Str("on", on).Msg("waiting")
	default:
		s.log.Info().Str("on", on).Msg("going on")
	}
}

// missing reports whether a stream is what is wrong, and not the server.
func missing(err error) bool {
	return errors.Is(err, bus.ErrNotBootstrapped) || errors.Is(err, bus.ErrFull) || errors.Is(err, bus.ErrNoStream)
}

func isDenied(err error) bool {
	_, ok := errors.AsType[*bus.DeniedError](err)
	return ok
}

// hopeless reports whether the database will say the same however often it is
// asked.
func hopeless(err error) bool {
	return errors.Is(err, store.ErrOlderSchema) || errors.Is(err, store.ErrNewerSchema) || keyless(err) || store.Refused(err)
}

// advise adds what there is to do about what is waited for, if it is not said.
func advise(on string, err error) error {
	switch {
	case missing(err), errors.Is(err, store.ErrOlderSchema), errors.Is(err, store.ErrNewerSchema):
		return err
	case isDenied(err):
		return fmt.Errorf("%w\n(see deploy/nats)", err)
	case keyless(err):
		return adviseKeys(err)
	case on == onNATS:
		return adviseNATS(err)
	default:
		return adviseDatabase(err)
	}
}

// begin returns when the stage can do its work, or false when ctx has ended before:
// a stage waits for what it needs and does not die of it.
func begin(ctx context.Context, s Stage, env Env) bool {
	ready := s.Ready
	if m, ok := s.(Mender); ok {
		ready = m.Needs
	}
	ticker := time.NewTicker(beginEvery)
	defer ticker.Stop()
	for {
		look, cancel := context.WithTimeout(ctx, lookTimeout)
		err := ready(look, env)
		cancel()
		if err == nil {
			return true
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return false
		}
	}
}
