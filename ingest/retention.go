package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/postrider/postrider/shared/archive"
	"github.com/postrider/postrider/shared/service"
	"github.com/postrider/postrider/shared/store"
)

// retention drops what is older than events are kept, day by day, after it is in
// the archive if there is one. Of all ingest processes one does.
type retention struct {
	log     zerolog.Logger
	store   *store.Store
	keep    time.Duration
	archive *archive.Archiver // nil: there is none
	metrics *retentionMetrics
}

type retentionMetrics struct {
	rows     *prometheus.CounterVec
	bytes    prometheus.Counter
	failures prometheus.Counter
	waiting  prometheus.Gauge
}

func newRetentionMetrics(reg prometheus.Registerer) *retentionMetrics {
	m := &retentionMetrics{
		rows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "postrider_archived_rows_total",
			Help: "Rows of days that are in the archive, by what they are.",
		}, []string{"kind"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "postrider_archived_bytes_total",
			Help: "Bytes of days that are in the archive, compressed.",
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "postrider_archive_failures_total",
			Help: "How often a day could not be put into the archive; it is tried again in an hour.",
		}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "postrider_archive_backlog",
			Help: "Days that nobody sees any more and that are not dropped yet, as last seen by this process.",
		}),
	}
	reg.MustRegister(m.rows, m.bytes, m.failures, m.waiting)
	for _, kind := range []store.Retired{store.RetiredEvents, store.RetiredAttempts, store.RetiredDeadLetters} {
		m.rows.WithLabelValues(string(kind))
	}
	return m
}

// newRetention opens the archive that the settings name. stop ends what it has open.
func (s *Stage) newRetention(env service.Env) (r *retention, stop func(), err error) {
	r = &retention{log: env.Log, store: env.Store, keep: s.Retention, metrics: newRetentionMetrics(env.Reg)}
	if s.Archive == "" {
		return r, func() {}, nil
	}
	place, err := s.openArchive()
	if err != nil {
		return nil, nil, err
	}
	r.archive = archive.New(place)
	return r, place.Close, nil
}

// run does it at once and every hour until ctx ends.
func (r *retention) run(ctx context.Context) error {
	ticker := time.NewTicker(upkeepEvery)
	defer ticker.Stop()
	for {
		ran, err := r.store.Alone(ctx, store.Retention, r.dropOld)
		if err != nil && ctx.Err() == nil {
			r.log.Warn().Err(err).Msg("what is older than the retention stays; trying again in an hour")
		}
		if !ran {
			r.metrics.waiting.Set(0) // whoever does it knows
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// dropOld goes on after a failure with what it does not concern.
func (r *retention) dropOld(ctx context.Context, s *store.Store) error {
	_, err1 := s.DropPartitions(ctx, r.keep)
	err2 := s.DeleteOld(ctx, r.keep)
	err3 := s.Retire(ctx, r.keep)
	days, err4 := s.RetiredDays(ctx)
	failed := errors.Join(err1, err2, err3, err4)
	waiting := len(days)
	for _, day := range days {
		r.metrics.waiting.Set(float64(waiting))
		if err := r.dropDay(ctx, s, day); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", day.Format(time.DateOnly), err))
			continue
		}
		waiting--
	}
	r.metrics.waiting.Set(float64(waiting))
	return failed
}

// dropDay drops a retired day, after it is in the archive.
func (r *retention) dropDay(ctx context.Context, s *store.Store, day time.Time) error {
	log := r.log.With().Str("day", day.Format(time.DateOnly)).Logger()
	if r.archive != nil {
		began := time.Now()
		m, err := r.archive.Day(ctx, s, day)
		if err != nil {
			r.metrics.failures.Inc()
			return err
		}
		var size int64
		for _, p := range m.Parts {
			size += p.Bytes
			r.metrics.rows.WithLabelValues(string(p.Kind)).Add(float64(p.Rows))
		}
		r.metrics.bytes.Add(float64(size))
		log.Info().Int64("events", m.Events).Int64("attempts", m.Attempts).Int64("deadLetters", m.DeadLetters).
			Int("objects", len(m.Parts)).Int64("bytes", size).Dur("took", time.Since(began)).Msg("archived a day")
	}
	if err := s.DropRetired(ctx, day); err != nil {
		return err
	}
	log.Info().Msg("dropped a day that is older than the retention")
	return nil
}
