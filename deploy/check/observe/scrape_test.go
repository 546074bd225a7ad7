package observe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/postrider/postrider/shared/stack"
)

const (
	tenants = 10_000
	posted  = 3_000 // events, each of another tenant: more than there may be series

	mostSeries = 1_500 // of all stages together
)

// elsewhere are metrics that this system does not show, and why.
var elsewhere = map[string]string{ //nolint:gochecknoglobals // constant
	"postrider_tls_certificate_expiry_timestamp_seconds": "only an ingest with a certificate has it",
}

// series are the labels of all that were scraped, by name.
type series map[string][]map[string]string

// TestScrape runs all stages with many tenants under load. What they show is as
// Prometheus wants it, bounded, and all that alerts and dashboards ask for; and the
// database answers what the runbook and the dashboard of an application ask it.
func TestScrape(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	s := start(ctx, t)
	populate(ctx, t, s)
	loaded := make(chan error, 1)
	go func() { loaded <- load(ctx, s) }()
	for under := true; ; {
		missing := unseen(t, scrapeAll(ctx, t, s))
		if len(missing) == 0 && !under {
			break
		}
		select {
		case err := <-loaded:
			require.NoError(t, err)
			under = false
		case <-time.After(time.Second): // a look at what waits comes every few
		case <-ctx.Done():
			require.Empty(t, missing, "what is asked for and nobody shows")
		}
	}
	statements(ctx, t, s)
}

func start(ctx context.Context, t *testing.T) *stack.Stack {
	t.Helper()
	dir, err := os.MkdirTemp("", "postrider-observe-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o711)) // PostgreSQL's user must get through
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	bin := filepath.Join(dir, "bin")
	require.NoError(t, os.Mkdir(bin, 0o700))
	require.NoError(t, stack.BuildFrom(ctx, root, bin))
	s, err := stack.Start(ctx, stack.Options{
		Dir: dir, Bin: bin, NoFsync: true, Env: []string{"POSTRIDER_RETRY_SCHEDULE=100ms", "POSTRIDER_STREAM_BYTES=1073741824"},
	})
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "bootstrap.log"))
		t.Fatalf("start all stages: %s\n%s", err, log)
	}
	t.Cleanup(func() { require.NoError(t, s.Stop()) })
	return s
}

// populate makes the tenants, each with an endpoint. Of ten endpoints one never works.
func populate(ctx context.Context, t *testing.T, s *stack.Stack) {
	t.Helper()
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/broken" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(receiver.Close)
	db, err := pgx.Connect(ctx, s.DatabaseURL)
	require.NoError(t, err)
	defer func() { _ = db.Close(ctx) }()
	// Ids begin with their time: an endpoint gets no events from before it was made.
	const id = `('0190' || substr(md5(random()::text), 1, 28))::uuid`
	batch := &pgx.Batch{}
	batch.Queue(`INSERT INTO tenants (id, uid, name) SELECT `+id+`, 't' || n, 'tenant ' || n FROM generate_series(1, $1) AS n`, tenants)
	batch.Queue(`INSERT INTO endpoints (id, tenant_id, url) SELECT `+id+`, id, $1 || CASE WHEN uid LIKE '%7' THEN '/broken' ELSE '/hook' END
		FROM tenants WHERE uid IS NOT NULL`, receiver.URL)
	batch.Queue(`INSERT INTO endpoint_secrets (id, tenant_id, endpoint_id, secret)
		SELECT ` + id + `, tenant_id, id, 'whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3' FROM endpoints`)
	require.NoError(t, db.SendBatch(ctx, batch).Close())
}

// load posts one event each for many tenants.
func load(ctx context.Context, s *stack.Stack) error {
	work, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range 16 {
		work.Go(func() error {
			for n := next.Add(1); n <= posted; n = next.Add(1) {
				if err := post(ctx, s, n); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return work.Wait()
}

func post(ctx context.Context, s *stack.Stack, n int64) error {
	body := `{"eventType": "invoice.paid", "payload": {"paid": true}}`
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("%s/api/v1/app/t%d/msg", s.URL, n), strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+s.Token)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if answer, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusAccepted {
		return fmt.Errorf("post: %s %s", response.Status, answer)
	}
	return nil
}

// scrapeAll is what all stages show.
func scrapeAll(ctx context.Context, t *testing.T, s *stack.Stack) series {
	t.Helper()
	seen, total := make(series), 0
	for _, name := range stack.Stages() {
		n := scrape(ctx, t, s, name, seen)
		t.Logf("%s shows %d series", name, n)
		total += n
	}
	require.Less(t, total, mostSeries)
	return seen
}

// scrape adds what a process shows to seen, and returns how many series that is.
func scrape(ctx context.Context, t *testing.T, s *stack.Stack, name string, seen series) int {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.AdminURL(name)+"/metrics", nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	program(t, text, "promtool", "check", "metrics")
	decoder := &expfmt.SampleDecoder{Dec: expfmt.NewDecoder(bytes.NewReader(text), expfmt.ResponseFormat(response.Header)), Opts: &expfmt.DecodeOptions{}}
	n := 0
	for {
		var samples model.Vector
		err := decoder.Decode(&samples)
		if errors.Is(err, io.EOF) {
			return n
		}
		require.NoError(t, err)
		n += len(samples)
		for _, sample := range samples {
			labels := make(map[string]string)
			for k, v := range sample.Metric {
				labels[string(k)] = string(v)
			}
			seen[labels["__name__"]] = append(seen[labels["__name__"]], labels)
		}
	}
}

// unseen lists what alerts and dashboards ask for that nobody shows.
func unseen(t *testing.T, seen series) (all []string) {
	t.Helper()
	for _, e := range expressions(t) {
		for _, selector := range selectors(t, e) {
			if what := missing(selector, seen); what != "" && elsewhere[selector.Name] == "" {
				all = append(all, e.where+": "+what)
			}
		}
	}
	return all
}

// statements has PostgreSQL plan what people are told to ask it.
func statements(ctx context.Context, t *testing.T, s *stack.Stack) {
	t.Helper()
	db, err := pgx.Connect(ctx, s.DatabaseURL)
	require.NoError(t, err)
	defer func() { _ = db.Close(ctx) }()
	_, all := asked(t)
	for _, m := range regexp.MustCompile("`(SELECT [^`]+)`").FindAllStringSubmatch(string(read(t, runbook)), -1) {
		all = append(all, expression{runbook, m[1]})
	}
	now := time.Now()
	fill := strings.NewReplacer(
		"$__from", fmt.Sprint(now.Add(-time.Hour).UnixMilli()), "$__to", fmt.Sprint(now.UnixMilli()), "$__interval", "1m",
		"${application:sqlstring}", "'"+tenant(ctx, t, db)+"'", "${search:sqlstring}", "'tenant 1'",
	)
	for _, e := range all {
		rows, err := db.Query(ctx, fill.Replace(e.text), pgx.QueryExecModeSimpleProtocol)
		require.NoError(t, err, e.where)
		found, err := pgx.CollectRows(rows, pgx.RowToMap)
		require.NoError(t, err, "%s\n%s", e.where, fill.Replace(e.text))
		if strings.Contains(e.where, "application") {
			require.NotEmpty(t, found, e.where)
		}
		_, err = json.Marshal(found)
		require.NoError(t, err, e.where)
	}
}

// tenant is one whose delivery was given up.
func tenant(ctx context.Context, t *testing.T, db *pgx.Conn) (id string) {
	t.Helper()
	for {
		err := db.QueryRow(ctx, `SELECT tenant_id::text FROM dead_letters LIMIT 1`).Scan(&id)
		if err == nil {
			return id
		}
		require.ErrorIs(t, err, pgx.ErrNoRows)
		time.Sleep(100 * time.Millisecond) // it dies after two attempts
	}
}
