package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/signature"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

const rolesFile = "../../deploy/postgres/roles.sql"

// granted is a database with roles of its own.
type granted struct {
	owner *store.Store
	db    *pgx.Conn // as a superuser
	as    func(role string) string
}

func grant(t *testing.T) granted {
	t.Helper()
	url := testkit.Database(t)
	prefix := strings.ToLower(t.Name()) + "_"
	g := granted{testkit.Open(t, url), testkit.SQL(t, url), testkit.Roles(t, url, rolesFile, prefix)}
	require.NoError(t, g.owner.Grant(t.Context(), prefix))
	require.NoError(t, g.owner.Grant(t.Context(), prefix), "again")
	return g
}

// fenced is the API's store, as one that nobody has told whom it serves.
func (g granted) fenced(t testing.TB) *store.Store {
	t.Helper()
	s, err := g.owner.Fenced(t.Context(), g.as("api"), time.Minute)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// TestEveryTableHasRights: who adds a table says what each role may do with it.
func TestEveryTableHasRights(t *testing.T) {
	t.Parallel()
	db := testkit.SQL(t, testkit.Database(t))
	rows, err := db.Query(t.Context(), `SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1`)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.ElementsMatch(t, tables, store.GrantedTables(), "shared/store/rights.go")
	rows, err = db.Query(t.Context(), `
		SELECT DISTINCT table_name::text FROM information_schema.columns
		WHERE table_schema = 'public' AND column_name IN ('tenant_id', 'tenant_ids') AND table_name::text = ANY ($1)`, tables)
	require.NoError(t, err)
	ofTenants, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.ElementsMatch(t, append(ofTenants, "tenants"), store.FencedTables(), "what belongs to tenants is behind the fence")
}

// TestNoRole: who asks for roles that are not there is told how to make them.
func TestNoRole(t *testing.T) {
	t.Parallel()
	require.ErrorIs(t, testkit.Store(t).Grant(t.Context(), "nobodys_"), store.ErrNoRole)
}

// TestRefusedRoles: each role is refused what it does not need.
func TestRefusedRoles(t *testing.T) {
	t.Parallel()
	g := grant(t)
	today := time.Now().UTC().Format("20060102")
	everybody := []string{
		`CREATE TABLE mine ()`, `CREATE TEMPORARY TABLE mine ()`, `DROP TABLE events`, `TRUNCATE events`, `ALTER TABLE events DISABLE ROW LEVEL SECURITY`,
		`ALTER TABLE events ADD COLUMN mine text`, `DROP TABLE events_` + today, `SELECT * FROM events_` + today, `SELECT * FROM attempts_` + today,
		`DELETE FROM events`, `DELETE FROM tenants`, `DELETE FROM attempts`, `DELETE FROM batches`, `DELETE FROM endpoints`,
		`UPDATE layout SET streams = '{}'`, `UPDATE goose_db_version SET version_id = 0`, `UPDATE schema_compatibility SET oldest = 0`,
		`CREATE ROLE mine`, `SET ROLE ` + pgx.Identifier{g.db.Config().User}.Sanitize(), `SELECT pg_read_file('/etc/hostname')`, `COPY tenants TO PROGRAM 'cat'`,
		`CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
	}
	day := `'` + time.Now().UTC().AddDate(0, 0, -30).Format(time.DateOnly) + `'`
	keepers := []string{
		`SELECT make_day('events', current_date)`, `SELECT drop_day('events', ` + day + `)`, `SELECT retire_day('events', ` + day + `)`, `SELECT retire_dead_letters(` + day + `)`,
	}
	for role, statements := range map[string][]string{
		"api": append(keepers, `INSERT INTO attempts DEFAULT VALUES`, `INSERT INTO dead_letters DEFAULT VALUES`,
			`SELECT * FROM stream_marks`, `INSERT INTO layout DEFAULT VALUES`, `UPDATE batches SET published_at = now()`, `DELETE FROM tasks`, `DELETE FROM revocations`),
		"ingest": {
			`SELECT * FROM endpoint_secrets`, `UPDATE attempts SET outcome = ''`, `SELECT * FROM dead_letters`, `INSERT INTO api_keys DEFAULT VALUES`,
			`UPDATE tenants SET name = ''`, `UPDATE endpoints SET url = ''`, `INSERT INTO endpoints DEFAULT VALUES`,
			`SELECT drop_day('events', current_date)`, `SELECT drop_day('events', current_date - 1)`, `SELECT drop_day('tenants', ` + day + `)`,
			`SELECT retire_day('events', current_date)`, `SELECT retire_dead_letters(current_date)`, `SELECT make_day('tenants', current_date)`,
		},
		"fanout": append(keepers, `SELECT * FROM events`, `SELECT * FROM attempts`, `SELECT * FROM api_keys`, `SELECT * FROM tasks`, `UPDATE tenants SET version = 1`,
			`UPDATE endpoints SET url = ''`, `INSERT INTO events DEFAULT VALUES`, `UPDATE endpoint_secrets SET secret = ''`),
		"deliver": append(keepers, `UPDATE events SET payload = ''`, `UPDATE tenants SET name = ''`, `INSERT INTO tenants DEFAULT VALUES`, `INSERT INTO endpoints DEFAULT VALUES`,
			`UPDATE endpoint_secrets SET secret = ''`, `SELECT * FROM api_keys`, `UPDATE attempts SET outcome = ''`, `SELECT * FROM tasks`, `DELETE FROM dead_letters`),
		"retry": append(keepers, `SELECT * FROM events`, `SELECT * FROM tenants`, `SELECT * FROM endpoints`, `SELECT * FROM endpoint_secrets`, `SELECT * FROM attempts`, `SELECT * FROM api_keys`),
		"dlq": append(keepers, `SELECT * FROM endpoint_secrets`, `SELECT * FROM api_keys`, `INSERT INTO attempts DEFAULT VALUES`, `INSERT INTO events DEFAULT VALUES`,
			`UPDATE tenants SET version = 1`, `UPDATE endpoints SET url = ''`, `INSERT INTO tasks DEFAULT VALUES`),
		"read": append(keepers, `SELECT * FROM endpoint_secrets`, `SELECT * FROM api_keys`, `SELECT * FROM request_keys`, `INSERT INTO events DEFAULT VALUES`, `UPDATE tenants SET name = ''`, `DELETE FROM dead_letters`),
	} {
		conn, err := pgx.Connect(t.Context(), g.as(role))
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
		for _, statement := range append(everybody, statements...) {
			_, err := conn.Exec(t.Context(), statement)
			var refused *pgconn.PgError
			require.ErrorAs(t, err, &refused, "%s: %s", role, statement)
			// insufficient_privilege; read_only_sql_transaction; the guard of a function
			require.Contains(t, []string{"42501", "25006", "P0001"}, refused.Code, "%s: %s: %v", role, statement, err)
		}
	}
}

// TestIngestKeeps: the role of ingest makes, retires, reads and drops days without
// being the owner of anything.
func TestIngestKeeps(t *testing.T) {
	t.Parallel()
	g := grant(t)
	s := testkit.Open(t, g.as("ingest"))
	old := time.Now().UTC().Truncate(day).Add(-20 * day)
	for _, table := range []string{"events", "attempts", "batches", "event_keys", "request_keys"} {
		testkit.Partition(t, g.db, table, old)
	}
	tenant := testkit.Tenant(t, g.owner)
	id := event.FloorID(old.Add(time.Hour))
	_, err := g.db.Exec(t.Context(), `INSERT INTO events (id, tenant_id, event_type, payload) VALUES ($1, $2, 'a', '{}')`, [16]byte(id), [16]byte(tenant))
	require.NoError(t, err)

	require.NoError(t, s.Verify(t.Context()))
	require.NoError(t, s.MakePartitions(t.Context()))
	dropped, err := s.DropPartitions(t.Context(), 10*day)
	require.NoError(t, err)
	require.Equal(t, 3, dropped)
	require.NoError(t, s.DeleteOld(t.Context(), 10*day))
	require.NoError(t, s.Retire(t.Context(), 10*day))
	days, err := s.RetiredDays(t.Context())
	require.NoError(t, err)
	require.Equal(t, []time.Time{old}, days)
	n := 0
	for p, err := range s.EventsRetired(t.Context(), old, nil, 10) {
		require.NoError(t, err)
		require.Equal(t, id, p.ID)
		n++
	}
	require.Equal(t, 1, n)
	_, err = testkit.Open(t, g.as("dlq")).CountRetired(t.Context(), old, store.RetiredEvents)
	require.ErrorContains(t, err, "42501", "nobody else reads it")
	require.NoError(t, s.DropRetired(t.Context(), old))
	days, err = s.RetiredDays(t.Context())
	require.NoError(t, err)
	require.Empty(t, days)
}

// TestOwnerGrants: the owner need not be a superuser.
func TestOwnerGrants(t *testing.T) {
	t.Parallel()
	url := testkit.EmptyDatabase(t)
	db := testkit.SQL(t, url)
	as := testkit.Roles(t, url, rolesFile, "ownergrants_")
	_, err := db.Exec(t.Context(), `CREATE ROLE ownergrants_owner LOGIN; GRANT ALL ON SCHEMA public TO ownergrants_owner`)
	require.NoError(t, err)
	owner := testkit.Open(t, as("owner"))
	require.NoError(t, owner.Migrate(t.Context()))
	require.NoError(t, owner.Grant(t.Context(), "ownergrants_"))
	ingest := testkit.Open(t, as("ingest"))
	require.NoError(t, ingest.Verify(t.Context()))
	require.NoError(t, ingest.MakePartitions(t.Context()))
	tenant := testkit.Tenant(t, owner)
	_, err = ingest.TenantByUID(t.Context(), "none")
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = owner.Tenant(t.Context(), store.Ref{ID: tenant})
	require.NoError(t, err, "the owner is not behind the fence")
}

// TestFence: what a query asks for of another tenant than the one that is served is
// not there.
func TestFence(t *testing.T) {
	t.Parallel()
	g := grant(t)
	api, ctx := g.fenced(t), t.Context()
	mine, other := testkit.Tenant(t, g.owner), testkit.Tenant(t, g.owner)
	theirs := testkit.Endpoint(t, g.owner, other, "http://a.example/")
	accepted := &store.NewEvent{Event: event.Event{ID: event.NewID(), Tenant: other, Type: "a", Payload: []byte("{}")}}
	_, _, err := g.owner.Accept(ctx, []store.NewEvent{*accepted}, 1<<20)
	require.NoError(t, err)
	require.NoError(t, g.owner.RecordAttempts(ctx, []store.Attempt{{
		ID: event.NewID(), Tenant: other, Event: accepted.ID, Endpoint: theirs.ID, Number: 1, Outcome: "timeout", Response: []byte("none"),
	}}))
	require.NoError(t, g.owner.RecordDeadLetters(ctx, []store.DeadLetter{{Tenant: other, Endpoint: theirs.ID, Event: accepted.ID, Type: "a", Reason: "timeout", Attempts: 1}}))

	reads := func(s *store.Store) map[string]error {
		_, err1 := s.Tenant(ctx, store.Ref{ID: other})
		_, err2 := s.Endpoint(ctx, other, store.Ref{ID: theirs.ID})
		_, err3 := s.Event(ctx, other, store.Ref{ID: accepted.ID}, true)
		_, err4 := s.CurrentKey(ctx, other, theirs.ID)
		_, err5 := s.DeadLetter(ctx, theirs.ID, accepted.ID)
		_, err6 := s.PauseTenant(ctx, store.Ref{ID: other}, false)
		_, err7 := s.PauseEndpoint(ctx, other, store.Ref{ID: theirs.ID}, false)
		_, err8 := s.ChangeEndpoint(ctx, other, store.Ref{ID: theirs.ID}, func(*store.Endpoint) error { return nil })
		err9 := s.ExpungeEvent(ctx, other, accepted.ID)
		return map[string]error{
			"tenant": err1, "endpoint": err2, "event": err3, "secret": err4, "dead letter": err5, "pause tenant": err6, "pause": err7, "change": err8, "expunge": err9,
		}
	}
	bound, err := api.ForTenant(ctx, mine)
	require.NoError(t, err)
	for who, s := range map[string]*store.Store{"nobody": api, "another tenant": bound} {
		for what, err := range reads(s) {
			require.ErrorIs(t, err, store.ErrNotFound, "%s for %s", what, who)
		}
		require.NoError(t, s.Within(ctx, func(lent *store.Store) error {
			_, err := lent.Endpoint(ctx, other, store.Ref{ID: theirs.ID})
			require.ErrorIs(t, err, store.ErrNotFound)
			return nil
		}))
		require.ErrorContains(t, s.CreateEndpoint(ctx, &store.Endpoint{ID: event.NewID(), Tenant: other, URL: "http://b.example/"}, signature.GenerateKey()), "not found", who)
		require.ErrorContains(t, s.Revoke(ctx, store.Revocation{Tenant: other, First: event.NewID(), Last: event.NewID()}), "42501", who)
	}
	all, err := api.ForAll(ctx)
	require.NoError(t, err)
	its, err := api.ForTenant(ctx, other)
	require.NoError(t, err)
	for who, s := range map[string]*store.Store{"all": all, "its own": its} {
		for _, what := range []string{"tenant", "endpoint", "event", "secret", "dead letter", "pause tenant", "pause", "change"} {
			require.NoError(t, reads(s)[what], "%s for %s", what, who)
		}
	}
	require.ErrorIs(t, api.Within(ctx, func(lent *store.Store) error {
		_, err1 := lent.ForTenant(ctx, other)
		_, err2 := lent.Endpoint(ctx, other, store.Ref{ID: theirs.ID})
		_, err3 := lent.ForTenant(ctx, mine)
		require.NoError(t, errors.Join(err1, err2, err3))
		_, err := lent.Endpoint(ctx, other, store.Ref{ID: theirs.ID})
		return err
	}), store.ErrNotFound, "within a transaction, and back")
	_, err = api.Endpoint(ctx, other, store.Ref{ID: theirs.ID})
	require.ErrorIs(t, err, store.ErrNotFound, "what a transaction saw ends with it")
}

// TestFenceTellsOfChanges: what a tenant changes is told to endpoints that are not
// the tenant's, which it does not see.
func TestFenceTellsOfChanges(t *testing.T) {
	t.Parallel()
	g := grant(t)
	ctx := t.Context()
	testkit.Endpoint(t, g.owner, store.SystemTenant, "http://system.example/")
	tenant := testkit.Tenant(t, g.owner)
	s, err := g.fenced(t).ForTenant(ctx, tenant)
	require.NoError(t, err)
	require.NoError(t, s.CreateEndpoint(ctx, &store.Endpoint{ID: event.NewID(), Tenant: tenant, URL: "http://a.example/"}, signature.GenerateKey()))
	endpoints, _, err := s.Endpoints(ctx, store.SystemTenant, store.Page[event.ID]{Limit: 10})
	require.NoError(t, err)
	require.Empty(t, endpoints)
	var notices int
	require.NoError(t, g.db.QueryRow(ctx, `SELECT count(*) FROM events WHERE tenant_id = $1`, [16]byte(store.SystemTenant)).Scan(&notices))
	require.Equal(t, 1, notices)
}

// BenchmarkFence compares reads with and without the fence: as the owner, as the API
// for one tenant all the time, and for one after the other.
func BenchmarkFence(b *testing.B) {
	url := testkit.Database(b)
	owner := testkit.Open(b, url)
	as := testkit.Roles(b, url, rolesFile, "bench_")
	require.NoError(b, owner.Grant(b.Context(), "bench_"))
	g := granted{owner: owner, as: as}
	api := g.fenced(b)
	var tenants, endpoints [2]event.ID
	for i := range tenants {
		tenants[i] = testkit.Tenant(b, owner)
		for range 50 {
			endpoints[i] = testkit.Endpoint(b, owner, tenants[i], "http://a.example/").ID
		}
	}
	for name, in := range map[string]struct {
		store *store.Store
		turns int
	}{"owner": {owner, 1}, "fenced": {api, 1}, "fenced, taking turns": {api, 2}} {
		b.Run(name, func(b *testing.B) {
			n := 0
			for b.Loop() {
				n++
				i := n % in.turns
				s, err := in.store.ForTenant(b.Context(), tenants[i])
				require.NoError(b, err)
				_, err = s.Endpoint(b.Context(), tenants[i], store.Ref{ID: endpoints[i]})
				require.NoError(b, err)
			}
		})
		b.Run("list/"+name, func(b *testing.B) {
			n := 0
			for b.Loop() {
				n++
				i := n % in.turns
				s, err := in.store.ForTenant(b.Context(), tenants[i])
				require.NoError(b, err)
				_, _, err = s.Endpoints(b.Context(), tenants[i], store.Page[event.ID]{Limit: 50})
				require.NoError(b, err)
			}
		})
	}
	for name, url := range map[string]string{"owner": url, "ingest": as("ingest")} {
		b.Run("accept/"+name, func(b *testing.B) {
			s := testkit.Open(b, url)
			for b.Loop() {
				events := make([]store.NewEvent, 100)
				for i := range events {
					events[i].Event = event.Event{ID: event.NewID(), Tenant: tenants[0], Type: "a", Payload: []byte(fmt.Sprintf(`{"n":%d}`, i))}
				}
				_, _, err := s.Accept(b.Context(), events, 1<<20)
				require.NoError(b, err)
			}
		})
	}
}
