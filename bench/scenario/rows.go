package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/bench/findings"
	"github.com/postrider/postrider/bench/suite"
)

const (
	// upkeepEvery is how often ingest drops days that are older than the retention.
	upkeepEvery = time.Hour
	upkeepLimit = 2 * time.Minute // that it may take then

	// beyondRetention is how old a day is that nobody may find any more: the retention
	// is 90 days.
	beyondRetention = 100 * 24 * time.Hour
)

// daily are the tables with a partition for each day.
func daily() []string { return []string{"events", "batches", "attempts", "event_keys", "request_keys"} }

// kept are those that grow as long as the retention says: the daily ones, what is dead,
// and the counts of each hour.
func kept() []string { return append(daily(), "dead_letters", "letters_taken", "activity") }

// connect opens a connection to the system's database, which is to be closed.
func (s *system) connect(ctx context.Context) (db *pgx.Conn, closed func() error, err error) {
	if db, err = pgx.Connect(ctx, s.DatabaseURL); err != nil {
		return nil, nil, fmt.Errorf("look into the database: %w", err)
	}
	return db, func() error { return db.Close(context.WithoutCancel(ctx)) }, nil
}

// oldDays are partitions of a day that is older than the retention, made to see
// whether they go.
type oldDays struct {
	date time.Time
	made time.Time
}

func (s *system) makeOldDays(ctx context.Context) (o oldDays, err error) {
	db, closed, err := s.connect(ctx)
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, closed()) }()
	o.made = time.Now()
	o.date = o.made.Add(-beyondRetention).UTC().Truncate(24 * time.Hour)
	for _, table := range daily() {
		if err := o.make(ctx, db, table); err != nil {
			return o, fmt.Errorf("make an old day of %s: %w", table, err)
		}
	}
	return o, nil
}

// make makes the partition of a table, as make_day does in the database, which makes
// none that is old. Tables are divided by ids, which begin with their time, or by days.
func (o oldDays) make(ctx context.Context, db *pgx.Conn, table string) error {
	bounds := `first_id($2::date), first_id($2::date + 1)`
	if strings.HasSuffix(table, "_keys") {
		bounds = `$2::date, $2::date + 1`
	}
	var statement string
	err := db.QueryRow(ctx, `SELECT format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', day_table($1::text, $2::date), $1::text, `+bounds+`)`,
		table, o.date).Scan(&statement)
	if err == nil {
		_, err = db.Exec(ctx, statement)
	}
	return err
}

// left waits until upkeep has come, and counts the tables of days that it should have
// dropped. A run that is over before that has nothing to say.
func (o oldDays) left(ctx context.Context, b *bench, s *system) (err error) {
	if wait := time.Until(o.made.Add(upkeepEvery)); wait > upkeepLimit {
		b.report.Note("days beyond the retention that are still there", "not judged: they go once an hour, and this was shorter")
		return nil
	}
	db, closed, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closed()) }()
	count := func() (n int, err error) {
		err = db.QueryRow(ctx, `SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname ~ ('_' || $1::text || '$')`,
			o.date.Format("20060102")).Scan(&n)
		if err != nil {
			return 0, fmt.Errorf("count old days: %w", err)
		}
		return n, nil
	}
	n, err := count()
	for end := o.made.Add(upkeepEvery + upkeepLimit); err == nil && n > 0 && time.Now().Before(end); n, err = count() {
		if err := suite.Pause(ctx, time.Second); err != nil {
			return err
		}
	}
	if err == nil {
		b.report.Check("days beyond the retention that are still there", float64(n), findings.Exactly(0))
	}
	return err
}

// most is how many rows a run may have left in the tables that grow.
type most struct{ events, attempts, dead int64 }

// rows holds what grows against what there was to keep: no event is there twice, and
// no attempt that was not made.
func (m most) rows(ctx context.Context, b *bench, s *system) (err error) {
	db, closed, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closed()) }()
	for _, table := range kept() {
		top := m.events
		switch table {
		case "attempts", "activity":
			top = m.attempts
		case "dead_letters", "letters_taken":
			top = m.dead
		}
		var n int64
		if err := db.QueryRow(ctx, "SELECT count(*) FROM "+pgx.Identifier{table}.Sanitize()).Scan(&n); err != nil {
			return fmt.Errorf("count rows of %s: %w", table, err)
		}
		b.report.Check("rows of "+table+" at the end", float64(n), findings.AtMost(float64(top)))
	}
	return nil
}

// but is a plot without the lines of these names.
func but(p findings.Plot, names ...string) findings.Plot {
	p.Lines = slices.DeleteFunc(slices.Clone(p.Lines), func(l findings.Line) bool { return slices.Contains(names, l.Name) })
	return p
}

// only is a plot with just these.
func only(p findings.Plot, names ...string) findings.Plot {
	p.Lines = slices.DeleteFunc(slices.Clone(p.Lines), func(l findings.Line) bool { return !slices.Contains(names, l.Name) })
	return p
}
