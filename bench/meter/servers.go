package meter

import (
	"context"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/bench/metrics"
	"github.com/postrider/postrider/bench/rest"
	"github.com/postrider/postrider/shared/stack"
)

// servers are those who tell of themselves: PostgreSQL, nats-server and stages.
type servers struct {
	stages   map[string]string
	database *pgx.Conn    // nil: none
	nats     *rest.Client // nil: none
}

func connect(ctx context.Context, p Parts) (*servers, error) {
	s := &servers{stages: p.Stages}
	if p.Database != "" {
		var err error
		if s.database, err = pgx.Connect(ctx, p.Database); err != nil {
			return nil, fmt.Errorf("measure PostgreSQL: %w", err)
		}
	}
	if p.Monitor != "" {
		client := rest.New(p.Monitor, "", 1)
		s.nats = &client
	}
	return s, nil
}

func (s *servers) close(ctx context.Context) error {
	if s.nats != nil {
		s.nats.Close()
	}
	if s.database == nil {
		return nil
	}
	if err := s.database.Close(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("measure PostgreSQL: %w", err)
	}
	return nil
}

// What is counted. Of what a stage does, and of pages and commits, only whoever
// has many events can see anything.
const (
	WAL         = "write-ahead log, bytes"
	Images      = "whole pages in it"
	Commits     = "transactions"
	Disk        = "disk, bytes"
	Received    = "received, bytes"
	Sent        = "sent, bytes"
	Messages    = "messages received and sent"
	Allocated   = "allocated, bytes"
	Collections = "collections for 1,000 events"
)

// counts is what all have counted since their start, or how large they are.
func (s *servers) counts(ctx context.Context) (map[Count]float64, error) {
	all := map[Count]float64{}
	if s.database != nil {
		var wal, images, commits, disk float64
		err := s.database.QueryRow(ctx, `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8, wal_fpi::float8,
				(SELECT xact_commit::float8 FROM pg_stat_database WHERE datname = current_database()),
				pg_database_size(current_database())::float8
			FROM pg_stat_wal`).Scan(&wal, &images, &commits, &disk)
		if err != nil {
			return nil, fmt.Errorf("measure PostgreSQL: %w", err)
		}
		for what, n := range map[string]float64{WAL: wal, Images: images, Commits: commits, Disk: disk} {
			all[Count{stack.Postgres, what}] = n
		}
	}
	if s.nats != nil {
		told, err := s.askNATS(ctx)
		if err != nil {
			return nil, err
		}
		for what, n := range map[string]float64{Received: told.InBytes, Sent: told.OutBytes, Messages: told.InMessages + told.OutMessages, Disk: told.Stored()} {
			all[Count{stack.NATS, what}] = n
		}
	}
	for name, admin := range s.stages {
		told, err := metrics.Ask(ctx, admin)
		if err != nil {
			return nil, fmt.Errorf("measure %s: %w", name, err)
		}
		all[Count{name, Allocated}], _ = told.Sum("go_memstats_alloc_bytes_total")
		collections, _ := told.Sum("go_gc_duration_seconds_count")
		all[Count{name, Collections}] = 1000 * collections
	}
	return all, nil
}

// natsState is what nats-server tells of itself.
type natsState struct {
	Connections float64 `json:"connections"`
	InMessages  float64 `json:"in_msgs"`
	OutMessages float64 `json:"out_msgs"`
	InBytes     float64 `json:"in_bytes"`
	OutBytes    float64 `json:"out_bytes"`
	JetStream   struct {
		Stats struct {
			Store float64 `json:"storage"`
		} `json:"stats"`
	} `json:"jetstream"`
}

// Stored is how many bytes its streams have on disk.
func (n natsState) Stored() float64 { return n.JetStream.Stats.Store }

func (s *servers) askNATS(ctx context.Context) (told natsState, err error) {
	if err := s.nats.Call(ctx, http.MethodGet, "/varz", nil, &told); err != nil {
		return told, fmt.Errorf("measure nats-server: %w", err)
	}
	return told, nil
}

// streams notes how much waits where.
func (s *servers) streams(ctx context.Context, r *recorder) error {
	if s.nats == nil {
		return nil
	}
	var told struct {
		Consumers float64 `json:"consumers"`
		Accounts  []struct {
			Streams []struct {
				Name  string `json:"name"`
				State struct {
					Messages float64 `json:"messages"`
				} `json:"state"`
			} `json:"stream_detail"`
		} `json:"account_details"`
	}
	if err := s.nats.Call(ctx, http.MethodGet, "/jsz?streams=1", nil, &told); err != nil {
		return fmt.Errorf("measure nats-server: %w", err)
	}
	r.note(ConnectionsPlot, "consumers of streams", told.Consumers)
	for _, account := range told.Accounts {
		for _, stream := range account.Streams {
			r.note(StreamsPlot, stream.Name, stream.State.Messages)
		}
	}
	return nil
}

// others notes what changes slowly, if it does.
func (s *servers) others(ctx context.Context, r *recorder) error {
	for name, admin := range s.stages {
		told, err := metrics.Ask(ctx, admin)
		if err != nil {
			return fmt.Errorf("measure %s: %w", name, err)
		}
		if n, says := told.Sum("go_goroutines"); says {
			r.note(GoroutinesPlot, name, n)
		}
	}
	if s.nats != nil {
		told, err := s.askNATS(ctx)
		if err != nil {
			return err
		}
		r.note(ConnectionsPlot, "of nats-server", told.Connections)
	}
	if s.database == nil {
		return nil
	}
	var connections float64
	err := s.database.QueryRow(ctx, "SELECT count(*)::float8 FROM pg_stat_activity WHERE datname = current_database()").Scan(&connections)
	if err != nil {
		return fmt.Errorf("measure PostgreSQL: %w", err)
	}
	r.note(ConnectionsPlot, "of PostgreSQL", connections)
	return s.rows(ctx, r)
}

// rows notes how large tables are, those of all days together, also while they are
// empty: what comes later has grown from nothing.
func (s *servers) rows(ctx context.Context, r *recorder) error {
	rows, err := s.database.Query(ctx, `SELECT coalesce(parent.relname, t.relname)::text, sum(t.n_live_tup)::float8
		FROM pg_stat_user_tables t
		LEFT JOIN pg_inherits i ON i.inhrelid = t.relid
		LEFT JOIN pg_class parent ON parent.oid = i.inhparent
		GROUP BY 1`)
	if err != nil {
		return fmt.Errorf("measure PostgreSQL: %w", err)
	}
	var name string
	var n float64
	if _, err := pgx.ForEachRow(rows, []any{&name, &n}, func() error { r.note(RowsPlot, name, n); return nil }); err != nil {
		return fmt.Errorf("measure PostgreSQL: %w", err)
	}
	return nil
}
