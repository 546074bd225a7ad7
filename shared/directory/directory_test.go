package directory

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/signature"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// world is a directory on a store of its own, and the store of another process
// on the same database.
type world struct {
	*Directory
	t        *testing.T
	database string
	other    *store.Store
	tenant   event.ID
	endpoint event.ID
	changes  atomic.Uint64 // that the directory was told of
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, database: testkit.Database(t)}
	w.other = testkit.Open(t, w.database)
	var err error
	w.Directory, err = New(testkit.Open(t, w.database), testkit.Log(t))
	require.NoError(t, err)
	t.Cleanup(w.Subscribe(func(event.ID) { w.changes.Add(1) }))
	w.tenant = testkit.Tenant(t, w.other)
	w.endpoint = testkit.Endpoint(t, w.other, w.tenant, "https://example.com/first").ID
	return w
}

// run lets the directory be told of changes until the test ends, and returns
// when it is.
func (w *world) run() {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Run(ctx)
	}()
	w.t.Cleanup(func() {
		cancel()
		<-done
	})
	w.told(0)
}

// told waits until the directory was told of something after there had been n
// changes.
func (w *world) told(n uint64) {
	w.t.Helper()
	testkit.Eventually(w.t, func() bool { return w.count() > n }, "the directory is told")
}

func (w *world) count() uint64 { return w.changes.Load() }

// move has another process change the URL of the endpoint.
func (w *world) move(url string) {
	w.t.Helper()
	_, err := w.other.ChangeEndpoint(w.t.Context(), w.tenant, store.Ref{ID: w.endpoint}, func(e *store.Endpoint) error { e.URL = url; return nil })
	require.NoError(w.t, err)
}

// url is where the directory sends events of the endpoint to.
func (w *world) url(version int64) string {
	w.t.Helper()
	e, err := w.Endpoint(w.t.Context(), w.tenant, w.endpoint, version)
	require.NoError(w.t, err)
	return e.URL
}

// version is the tenant's now.
func (w *world) version() int64 {
	w.t.Helper()
	snap, err := w.other.Snapshot(w.t.Context(), w.tenant)
	require.NoError(w.t, err)
	return snap.Version
}

// hold keeps every load of a tenant between its two queries, with what the first
// one saw, until release is called.
func (w *world) hold() (release func()) {
	w.t.Helper()
	tx, err := testkit.SQL(w.t, w.database).Begin(w.t.Context())
	require.NoError(w.t, err)
	_, err = tx.Exec(w.t.Context(), `LOCK TABLE endpoint_secrets IN ACCESS EXCLUSIVE MODE`)
	require.NoError(w.t, err)
	return func() { require.NoError(w.t, tx.Rollback(w.t.Context())) }
}

// held waits until n loads are held.
func (w *world) held(n int) {
	w.t.Helper()
	testkit.Eventually(w.t, func() bool { return w.waiting() == n }, "%d loads are held", n)
}

func (w *world) waiting() int {
	w.t.Helper()
	return testkit.Value[int](w.t, w.database, `
		SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`)
}

func TestFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	second := testkit.Endpoint(t, w.other, w.tenant, "https://example.com/second")
	tenant, err := w.Tenant(t.Context(), w.tenant, 0)
	require.NoError(t, err)
	require.Equal(t, w.tenant, tenant.ID)
	require.Equal(t, w.version(), tenant.Version)
	require.Len(t, tenant.Endpoints, 2)
	e, err := w.Endpoint(t.Context(), w.tenant, second.ID, 0)
	require.NoError(t, err)
	require.Equal(t, "https://example.com/second", e.URL)
	again, err := w.Tenant(t.Context(), w.tenant, tenant.Version)
	require.NoError(t, err)
	require.Same(t, tenant, again, "remembered")
}

func TestUnknown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stranger := testkit.Tenant(t, w.other)
	_, err := w.Tenant(t.Context(), event.NewID(), 0)
	require.ErrorIs(t, err, ErrUnknown)
	_, err = w.Endpoint(t.Context(), event.NewID(), w.endpoint, 0)
	require.ErrorIs(t, err, ErrUnknown)
	_, err = w.Endpoint(t.Context(), w.tenant, event.NewID(), 0)
	require.ErrorIs(t, err, ErrUnknown)
	_, err = w.Endpoint(t.Context(), stranger, w.endpoint, 0)
	require.ErrorIs(t, err, ErrUnknown, "another tenant's endpoint")
}

// TestChangesAreSeen never asks for a version: only notifications tell.
func TestChangesAreSeen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run()
	require.Equal(t, "https://example.com/first", w.url(0))
	before := w.count()
	w.move("https://example.com/moved")
	w.told(before)
	require.Equal(t, "https://example.com/moved", w.url(0))

	before = w.count()
	require.NoError(t, w.other.DeleteEndpoint(t.Context(), w.tenant, store.Ref{ID: w.endpoint}))
	w.told(before)
	_, err := w.Endpoint(t.Context(), w.tenant, w.endpoint, 0)
	require.ErrorIs(t, err, ErrUnknown, "a deleted endpoint")
	_, err = w.Tenant(t.Context(), w.tenant, 0)
	require.NoError(t, err)

	before = w.count()
	require.NoError(t, w.other.DeleteTenant(t.Context(), store.Ref{ID: w.tenant}))
	w.told(before)
	_, err = w.Tenant(t.Context(), w.tenant, 0)
	require.ErrorIs(t, err, ErrUnknown, "a deleted tenant")
}

// TestSubscribe is told of changes, and finds them when it asks at once.
func TestSubscribe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	told := make(chan string, 100)
	stop := w.Subscribe(func(tenant event.ID) {
		switch tenant {
		case event.ID{}:
			told <- "any"
		case w.tenant:
			told <- w.url(0)
		default:
			told <- "another"
		}
	})
	w.run()
	require.Equal(t, "any", <-told, "nobody knows what was missed before")
	require.Equal(t, "https://example.com/first", w.url(0))
	w.move("https://example.com/moved")
	require.Equal(t, "https://example.com/moved", <-told)
	testkit.Tenant(t, w.other) // a new one is no change
	_, err := w.other.PauseTenant(t.Context(), store.Ref{ID: testkit.Tenant(t, w.other)}, true)
	require.NoError(t, err)
	require.Equal(t, "another", <-told)
	testkit.Value[bool](t, w.database, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`)
	require.Equal(t, "any", <-told, "nor while the connection was away")
	stop()
	w.move("https://example.com/again")
	testkit.Eventually(t, func() bool { return w.url(0) == "https://example.com/again" }, "the change is seen")
	require.Empty(t, told, "nobody listens any more")
}

// TestOthersStayRemembered changes one tenant and looks at another.
func TestOthersStayRemembered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run()
	bystander := testkit.Tenant(t, w.other)
	one, err := w.Tenant(t.Context(), bystander, 0)
	require.NoError(t, err)
	before := w.count()
	w.move("https://example.com/moved")
	w.told(before)
	other, err := w.Tenant(t.Context(), bystander, 0)
	require.NoError(t, err)
	require.Same(t, one, other)
}

// TestOthersChangeDuringLoad changes one tenant while another is read, which is
// remembered all the same: where somebody changes all the time, a tenant that
// takes long to read would be read for every event.
func TestOthersChangeDuringLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run()
	bystander := testkit.Tenant(t, w.other)
	release := w.hold()
	read := make(chan *Tenant, 1)
	go func() {
		tenant, err := w.Tenant(t.Context(), w.tenant, 0)
		if err != nil {
			tenant = nil
		}
		read <- tenant
	}()
	w.held(1)
	before := w.count()
	_, err := w.other.PauseTenant(t.Context(), store.Ref{ID: bystander}, true)
	require.NoError(t, err)
	w.told(before)
	release()
	one := <-read
	require.NotNil(t, one)
	again, err := w.Tenant(t.Context(), w.tenant, 0)
	require.NoError(t, err)
	require.Same(t, one, again)
	require.Empty(t, w.readings, "nothing is kept of what is done")
}

// TestVersionForcesReload is without notifications: Run does not run.
func TestVersionForcesReload(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.Equal(t, "https://example.com/first", w.url(0))
	w.move("https://example.com/moved")
	require.Equal(t, "https://example.com/first", w.url(0), "nobody has told")
	require.Equal(t, "https://example.com/moved", w.url(w.version()))
	require.Equal(t, "https://example.com/moved", w.url(0), "and it is remembered")
}

// TestLoadsShareAQuery holds the first load and has many callers come meanwhile.
func TestLoadsShareAQuery(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	release := w.hold()
	const n = 50
	results := make(chan *Tenant, n)
	ctx, cancel := context.WithCancel(t.Context())
	ask := func(ctx context.Context) {
		tenant, err := w.Tenant(ctx, w.tenant, 0)
		if err != nil {
			tenant = nil
		}
		results <- tenant
	}
	go ask(ctx)
	w.held(1)
	cancel() // who came first gives up; the others must not suffer from it
	var come sync.WaitGroup
	for range n - 1 {
		come.Add(1)
		go func() {
			come.Done()
			ask(t.Context())
		}()
	}
	come.Wait()
	time.Sleep(100 * time.Millisecond)
	require.Equal(t, 1, w.waiting(), "one query for all")
	release()
	first := <-results
	require.NotNil(t, first)
	for range n - 1 {
		require.Same(t, first, <-results)
	}
}

// TestChangeDuringLoad has a change committed and told of between the moment that
// a load reads as of and the moment that it remembers what it read.
func TestChangeDuringLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run()
	release := w.hold()
	stale := make(chan string, 1)
	go func() {
		e, err := w.Endpoint(t.Context(), w.tenant, w.endpoint, 0)
		if err != nil {
			stale <- err.Error()
			return
		}
		stale <- e.URL
	}()
	w.held(1)
	before := w.count()
	w.move("https://example.com/moved")
	w.told(before)
	release()
	require.Equal(t, "https://example.com/first", <-stale, "or the test does not test what it means to")
	require.Equal(t, "https://example.com/moved", w.url(0), "what is out of date must not be remembered")
}

// TestVersionDuringOlderLoad asks for a version while a load is under way that
// began before it.
func TestVersionDuringOlderLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	release := w.hold()
	older := make(chan int64, 1)
	go func() {
		tenant, err := w.Tenant(t.Context(), w.tenant, 0)
		if err != nil {
			tenant = new(Tenant)
		}
		older <- tenant.Version
	}()
	w.held(1)
	w.move("https://example.com/moved")
	version := testkit.Value[int64](t, w.database, `SELECT version FROM tenants WHERE id = $1`, [16]byte(w.tenant))
	newer := make(chan int64, 1)
	go func() {
		tenant, err := w.Tenant(t.Context(), w.tenant, version)
		if err != nil {
			tenant = new(Tenant)
		}
		newer <- tenant.Version
	}()
	w.held(2)
	release()
	require.Less(t, <-older, version)
	require.Equal(t, version, <-newer)
}

// TestNeverOlderThanAsked changes a tenant all the time while many ask.
func TestNeverOlderThanAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run()
	var version atomic.Int64
	version.Store(w.version())
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	var asked, late atomic.Int64
	for range 4 {
		readers.Go(func() {
			for ctx.Err() == nil {
				want := version.Load()
				tenant, err := w.Tenant(t.Context(), w.tenant, want)
				if asked.Add(1); err != nil || tenant.Version < want {
					late.Add(1)
				}
			}
		})
	}
	for n := range 100 {
		before := asked.Load()
		w.move("https://example.com/" + string(rune('a'+n%26)))
		version.Store(w.version())
		testkit.Eventually(t, func() bool { return asked.Load() > before }, "readers go on")
	}
	cancel()
	readers.Wait()
	require.Zero(t, late.Load(), "of %d", asked.Load())
	w.move("https://example.com/last")
	testkit.Eventually(t, func() bool { return w.url(0) == "https://example.com/last" }, "the last change is seen")
}

func TestKeysExpire(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, err := w.other.CurrentKey(t.Context(), w.tenant, w.endpoint)
	require.NoError(t, err)
	second := signature.GenerateEd25519Key()
	require.NoError(t, w.other.RotateKey(t.Context(), w.tenant, w.endpoint, second, time.Hour))
	e, err := w.Endpoint(t.Context(), w.tenant, w.endpoint, 0)
	require.NoError(t, err)
	opened, err := e.Open()
	require.NoError(t, err)
	signing := func(at time.Time) (keys []string) {
		for _, k := range opened.SigningKeys(at) {
			keys = append(keys, k.Reveal())
		}
		return keys
	}
	require.Equal(t, []string{second.Reveal(), first.Reveal()}, signing(time.Now()), "the current one first")
	end := opened.Keys[1].ExpiresAt
	require.Equal(t, []string{second.Reveal(), first.Reveal()}, signing(end.Add(-time.Nanosecond)))
	require.Equal(t, []string{second.Reveal()}, signing(end), "although nothing was loaded again")
}

// TestWatcherIsCut ends the connection on which changes are told. What is known
// goes on being used; when there is a connection again, what was missed is seen.
func TestWatcherIsCut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run()
	require.Equal(t, "https://example.com/first", w.url(0))
	_, err := w.other.Tenant(t.Context(), store.Ref{ID: w.tenant}) // so that its pool has a connection
	require.NoError(t, err)
	conn := testkit.SQL(t, w.database)

	end := testkit.Refuse(t, w.database)
	var cut bool
	require.NoError(t, conn.QueryRow(t.Context(), `
		SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
		WHERE datname = current_database() AND query LIKE 'LISTEN%'`).Scan(&cut))
	require.True(t, cut)
	before := w.count()
	_, err = conn.Exec(t.Context(), `UPDATE endpoints SET url = 'https://example.com/moved' WHERE id = $1`, [16]byte(w.endpoint))
	require.NoError(t, err)
	require.Equal(t, before, w.count(), "there is nobody to be told")
	require.Equal(t, "https://example.com/first", w.url(0))
	end()
	w.told(before)
	require.Equal(t, "https://example.com/moved", w.url(0))

	before = w.count()
	w.move("https://example.com/again")
	w.told(before)
	require.Equal(t, "https://example.com/again", w.url(0), "and changes are told again")
}

// TestDatabaseAway goes on with what it knows and tells of what it does not.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	unknown := testkit.Tenant(t, w.other)
	require.Equal(t, "https://example.com/first", w.url(0))
	end := testkit.Outage(t, w.database)
	require.Equal(t, "https://example.com/first", w.url(0))
	_, err := w.Tenant(t.Context(), unknown, 0)
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrUnknown, "not known is not the same as not there")
	end()
	testkit.Eventually(t, func() bool {
		_, err := w.Tenant(t.Context(), unknown, 0)
		return err == nil
	}, "found when it is back")
}

func TestKnown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	version := w.version()
	_, ok := w.Known(w.tenant, w.endpoint, version)
	require.False(t, ok, "nobody has asked for it")
	want, err := w.Endpoint(t.Context(), w.tenant, w.endpoint, version)
	require.NoError(t, err)
	e, ok := w.Known(w.tenant, w.endpoint, version)
	require.True(t, ok)
	require.Equal(t, want, e)
	_, ok = w.Known(w.tenant, w.endpoint, version+1)
	require.False(t, ok, "it may be older than that")
	_, ok = w.Known(w.tenant, event.NewID(), version)
	require.False(t, ok)
}

// BenchmarkEndpointOpen is what a delivery pays for the secrets that it needs: the
// first one of an endpoint, and all after it.
func BenchmarkEndpointOpen(b *testing.B) {
	s := testkit.Keyed(b, testkit.Database(b), secret.NewKey("a"))
	tenant := testkit.Tenant(b, s)
	made := testkit.Endpoint(b, s, tenant, "https://user:password@example.com/", func(e *store.Endpoint) {
		e.Headers = secret.HideAll(map[string]string{"Authorization": "Bearer of some length", "X-Team": "blue"})
	})
	dir, err := New(s, testkit.Log(b))
	require.NoError(b, err)
	e, err := dir.Endpoint(b.Context(), tenant, made.ID, 0)
	require.NoError(b, err)
	for name, open := range map[string]func() (*store.Opened, error){"first": e.Sealed.Open, "after": e.Open} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := open(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
