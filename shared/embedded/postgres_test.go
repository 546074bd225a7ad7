package embedded

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func TestFirstStart(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	p := start(t, dir)

	for setting, want := range map[string]string{
		"server_encoding":         "UTF8",
		"lc_collate":              "C",
		"listen_addresses":        "127.0.0.1",
		"unix_socket_directories": "",
		"password_encryption":     "scram-sha-256",
		"max_connections":         "100",
	} {
		sql := "SELECT current_setting('" + setting + "')"
		if setting == "lc_collate" {
			sql = "SELECT datcollate::text FROM pg_database WHERE datname = current_database()"
		}
		if got := query[string](t, p.URL(), sql); got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
	if got := query[string](t, p.URL(), "SELECT current_user || '/' || current_database()"); got != "postrider/postrider" {
		t.Errorf("user and database are %s", got)
	}
	if err := p.Err(); err != nil {
		t.Errorf("running server has error %v", err)
	}

	info, err := os.Stat(filepath.Join(dir, passwordFile))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("password file has mode %v", info.Mode().Perm())
	}
}

func TestPasswordIsWanted(t *testing.T) {
	t.Parallel()
	p := start(t, dataDir(t))
	config, err := pgx.ParseConfig(p.URL())
	if err != nil {
		t.Fatal(err)
	}
	config.Password = "guess"
	conn, err := pgx.ConnectConfig(testContext(t), config)
	if err == nil {
		_ = conn.Close(testContext(t))
	}
	var refusal *pgconn.PgError
	if !errors.As(err, &refusal) || refusal.Code != "28P01" {
		t.Errorf("wrong password: got %v", err)
	}
}

// As root the server must be somebody else; as anybody else it is ourselves.
func TestServerIsNotRoot(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	start(t, dir)
	info, err := os.Stat(filepath.Join(dir, clusterDir, "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	owner, _ := ownerOf(info)
	if owner.uid == 0 || os.Geteuid() != 0 && int(owner.uid) != os.Geteuid() {
		t.Errorf("server runs as user %d, we as %d", owner.uid, os.Geteuid())
	}
}

// A data directory below a folder like /root, which nobody else may pass.
func TestClosedFolderAbove(t *testing.T) {
	t.Parallel()
	closed := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(closed, "data")
	p, err := StartPostgres(testContext(t), PostgresOptions{DataDir: dir, NoFsync: true})
	if _, passes := folderOfDescriptor(folderDescriptor); !passes && os.Geteuid() == 0 {
		var refused *DataDirError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), closed) {
			t.Errorf("got %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	execute(t, p.URL(), "CREATE TABLE kept AS SELECT 42 AS answer")
	if err := p.Stop(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if got := query[int](t, start(t, dir).URL(), "SELECT answer FROM kept"); got != 42 {
		t.Errorf("got %d", got)
	}
}

func TestRestartKeepsData(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	p := start(t, dir)
	execute(t, p.URL(), "CREATE TABLE kept AS SELECT 42 AS answer")
	if err := p.Stop(testContext(t)); err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if err := p.Err(); err != nil {
		t.Errorf("stopped server has error %v", err)
	}
	if got := query[int](t, start(t, dir).URL(), "SELECT answer FROM kept"); got != 42 {
		t.Errorf("got %d", got)
	}
	if err := p.Stop(testContext(t)); err != nil { // again, and the new server is not ours to wait for
		t.Error(err)
	}
}

func TestRestartAfterKill(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	p := start(t, dir)
	execute(t, p.URL(), "CREATE TABLE kept AS SELECT 42 AS answer")
	if err := syscall.Kill(p.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Done():
	case <-testContext(t).Done():
		t.Fatal("death went unnoticed")
	}
	if err := p.Err(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("killed server has error %v", err)
	}
	if err := p.Stop(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if p.Err() == nil {
		t.Error("stop after the death hid it")
	}
	if got := query[int](t, start(t, dir).URL(), "SELECT answer FROM kept"); got != 42 {
		t.Errorf("got %d", got)
	}
}

// A crash of the whole server loses nothing that was committed, and the next
// start is on the same port when that is wanted.
func TestRestartAfterCrash(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	ctx := testContext(t)
	o := PostgresOptions{DataDir: dir}
	var err error
	if o.Port, err = freePort(); err != nil {
		t.Fatal(err)
	}
	p, err := StartPostgres(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(ctx, p.URL())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(ctx, "CREATE TABLE kept AS SELECT 7 AS n"); err != nil {
		t.Fatal(err)
	}
	p.Freeze()
	p.Kill()
	if err := conn.Ping(ctx); err == nil {
		t.Error("a process of the server lives on")
	}
	if p.Err() == nil {
		t.Error("its death is no error")
	}
	if err := p.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	url := p.URL()
	if p, err = StartPostgres(ctx, o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Stop(context.Background()) })
	if p.URL() != url {
		t.Errorf("it listens at %s, before at %s", p.URL(), url)
	}
	if got := query[int](t, url, "SELECT n FROM kept"); got != 7 {
		t.Errorf("found %d", got)
	}
}

// Who is frozen does not answer, and goes on when it is thawed.
func TestFreeze(t *testing.T) {
	t.Parallel()
	p := start(t, dataDir(t))
	conn, err := pgx.Connect(testContext(t), p.URL())
	if err != nil {
		t.Fatal(err)
	}
	p.Freeze()
	answered := make(chan error, 1)
	go func() { answered <- conn.Ping(testContext(t)) }()
	select {
	case err := <-answered:
		t.Errorf("it answers: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	p.Thaw()
	if err := <-answered; err != nil {
		t.Error(err)
	}
	_ = conn.Close(testContext(t))
}

func TestStopLeavesNoProcess(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		kill bool // the server, before it is stopped
		late bool // the stop comes with a context that has ended
	}{
		{name: "fast shutdown"},
		{name: "out of time", late: true},
		{name: "killed before", kill: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p, err := StartPostgres(testContext(t), PostgresOptions{DataDir: dataDir(t), NoFsync: true})
			if err != nil {
				t.Fatal(err)
			}
			conn := connect(t, p.URL()) // stays open: its process is one of those that must end
			rows, err := conn.Query(testContext(t), "SELECT pid FROM pg_stat_activity")
			if err != nil {
				t.Fatal(err)
			}
			pids, err := pgx.CollectRows(rows, pgx.RowTo[int])
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(testContext(t))
			defer cancel()
			if test.kill {
				if err := syscall.Kill(p.Pid(), syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			}
			if test.late {
				cancel()
			}
			if err := p.Stop(ctx); (err != nil) != test.late {
				t.Errorf("stop: %v", err)
			}
			for _, pid := range append(pids, p.Pid()) {
				awaitGone(t, pid)
			}
		})
	}
}

// awaitGone waits until the process is off the list. Those of a server that was
// killed are handed to the system's first process, which clears them away when
// it gets to it.
func awaitGone(t *testing.T, pid int) {
	t.Helper()
	ctx := testContext(t)
	for !gone(pid) {
		select {
		case <-time.After(readyTick):
		case <-ctx.Done():
			t.Fatalf("process %d is still there", pid)
		}
	}
}

func TestStartGivesUp(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	why := errors.New("no patience")
	for _, patience := range []time.Duration{0, 50 * time.Millisecond, 200 * time.Millisecond} {
		ctx, cancel := context.WithTimeoutCause(testContext(t), patience, why)
		p, err := StartPostgres(ctx, PostgresOptions{DataDir: dir, NoFsync: true})
		cancel()
		if err == nil { // a quick machine
			if err := p.Stop(testContext(t)); err != nil {
				t.Fatal(err)
			}
			break
		}
		if !errors.Is(err, why) && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %s: %v", patience, err)
		}
	}
	if got := query[int](t, start(t, dir).URL(), "SELECT 1"); got != 1 {
		t.Errorf("got %d", got)
	}
}

func TestSecondServerIsRefused(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	start(t, dir)
	_, err := StartPostgres(testContext(t), PostgresOptions{DataDir: dir})
	var refused *DataDirError
	if !errors.As(err, &refused) || !errors.Is(err, ErrInUse) {
		t.Errorf("got %v", err)
	}
}

// As root the server runs as whoever has the data, and what root itself has, as
// after a copy, is handed over.
func TestOwnerOfDataIsKept(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	owners := []int{os.Geteuid()}
	if os.Geteuid() == 0 {
		owners = append(owners, 12345)
	}
	p := start(t, dir)
	for _, uid := range owners {
		if err := p.Stop(testContext(t)); err != nil {
			t.Fatal(err)
		}
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			return errors.Join(err, os.Lchown(path, uid, -1))
		})
		if err != nil {
			t.Fatal(err)
		}
		p = start(t, dir)
		info, err := os.Stat(filepath.Join(dir, clusterDir, "postmaster.pid"))
		if err != nil {
			t.Fatal(err)
		}
		if owner, _ := ownerOf(info); owner.uid == 0 || uid != 0 && int(owner.uid) != uid {
			t.Errorf("data of user %d: server runs as %d", uid, owner.uid)
		}
	}
}

func TestLostPassword(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	if err := start(t, dir).Stop(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, passwordFile)); err != nil {
		t.Fatal(err)
	}
	_, err := StartPostgres(testContext(t), PostgresOptions{DataDir: dir})
	var refused *DataDirError
	if !errors.As(err, &refused) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// Settings that the server refuses end it before it is ready; its own words are
// in the error.
func TestServerThatDiesAtOnce(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	if err := start(t, dir).Stop(testContext(t)); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, clusterDir, "postgresql.auto.conf")
	if err := os.WriteFile(config, []byte("nonsense = on\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := StartPostgres(testContext(t), PostgresOptions{DataDir: dir, NoFsync: true})
	if err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("got %v", err)
	}
}
