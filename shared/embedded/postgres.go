package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"
)

const (
	// quitGrace is how long a server may take after SIGQUIT. It kills its own
	// children after five seconds.
	quitGrace = 10 * time.Second

	readyTick = 10 * time.Millisecond

	// portAttempts bounds how often another port is tried when somebody took the
	// free one between our look and the server's.
	portAttempts = 5
)

// errPortTaken is why a start is tried again with another port.
var errPortTaken = errors.New("port was taken by somebody else")

// PostgresOptions tell where and how to run PostgreSQL.
type PostgresOptions struct {
	// DataDir holds the cluster and the password. It is made when it is missing.
	DataDir string

	// Log gets the server's log: its warnings and errors as warnings, a panic as
	// an error, the rest at debug level. Neither statements nor rows are in it.
	Log zerolog.Logger

	// NoFsync lets the system decide when data reaches the disk. What is committed
	// survives any killed process as before, but a power cut destroys the cluster:
	// for tests only.
	NoFsync bool

	// BinDirs are the folders to look for the server's programs in; nil are the
	// usual ones.
	BinDirs []string

	// Port is where the server listens; 0 is a port that is free.
	Port int
}

// Postgres is a running PostgreSQL server. It is safe for concurrent use.
type Postgres struct {
	url     string
	root    string
	server  *child
	log     *serverLog
	owner   *os.File    // the lock on the data directory, until stopped
	stopped atomic.Bool // on demand

	stopOnce sync.Once
	stopErr  error
}

// StartPostgres starts the server of the data directory and returns when it
// accepts connections. At the first use it makes the cluster, with a superuser
// and a database both named postrider. A server that an earlier process left
// behind is stopped first. Ending ctx gives up, and does nothing after the return.
//
// It returns a *NoBinariesError when no server is installed, a *DataDirError
// when the directory cannot be used (with [ErrInUse] in it when somebody else
// uses it), and else an error with the end of the server's log in it.
func StartPostgres(ctx context.Context, o PostgresOptions) (*Postgres, error) {
	root, owner, err := openDataDir(ctx, o.DataDir, postgresLock)
	if err != nil {
		return nil, err
	}
	p, err := startPostgres(ctx, root, o)
	if err != nil {
		unlock(owner)
		return nil, err
	}
	p.owner = owner
	return p, nil
}

func startPostgres(ctx context.Context, root string, o PostgresOptions) (*Postgres, error) {
	log := newServerLog(o.Log)
	c, err := openCluster(ctx, root, o, log)
	if err != nil {
		return nil, err
	}
	defer c.lock.Close() // from here on the server's processes hold it
	for attempt := 1; ; attempt++ {
		p, err := c.launch(ctx, o)
		if err == nil {
			return p, nil
		}
		if !errors.Is(err, errPortTaken) || attempt == portAttempts || o.Port != 0 {
			return nil, fmt.Errorf("start PostgreSQL: %w; its log ends: %s", err, log.tail())
		}
	}
}

// launch starts the server on a free port and waits until the database is there.
func (c *cluster) launch(ctx context.Context, o PostgresOptions) (*Postgres, error) {
	port, err := o.Port, error(nil)
	if port == 0 {
		port, err = freePort()
	}
	if err != nil {
		return nil, err
	}
	c.log.forget() // what an earlier attempt said
	server, err := c.start("postgres", c.dir(), syscall.SIGINT, settings(port, o.NoFsync))
	if err != nil {
		return nil, err
	}
	p := &Postgres{url: c.urlOf(port, databaseName), root: c.root, server: server, log: c.log}
	err = c.awaitReady(ctx, server)
	if err == nil {
		err = ensureDatabase(ctx, c.urlOf(port, maintenanceName))
	}
	if err != nil {
		_ = server.signal(syscall.SIGQUIT) // what it cannot end in time is killed
		p.killAfter(quitGrace)
		return nil, err
	}
	return p, nil
}

// awaitReady waits until the server says of itself that it is ready. Asking it
// over a connection before fills its log with refusals.
func (c *cluster) awaitReady(ctx context.Context, server *child) error {
	tick := time.NewTicker(readyTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the server: %w", context.Cause(ctx))
		case <-server.done:
			if strings.Contains(c.log.tail(), "could not create any TCP/IP sockets") {
				return errPortTaken
			}
			return fmt.Errorf("server ended: %s", server.cmd.ProcessState)
		case <-tick.C:
			if pid, ready := readPidFile(c.dir()); ready && pid == server.cmd.Process.Pid {
				return nil
			}
		}
	}
}

// ensureDatabase connects to url and creates the database when it is missing.
func ensureDatabase(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var there bool
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", databaseName).Scan(&there)
	if err != nil {
		return fmt.Errorf("look for database: %w", err)
	}
	if there {
		return nil
	}
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+databaseName); err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	return nil
}

// URL returns the connection string of the database, password included.
func (p *Postgres) URL() string { return p.url }

// Execute runs a script of SQL statements as the superuser, in the database.
func (p *Postgres) Execute(ctx context.Context, script string) error {
	conn, err := pgx.Connect(ctx, p.url)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, script); err != nil {
		return fmt.Errorf("execute script: %w", err)
	}
	return nil
}

// Pid returns the process number of the server.
func (p *Postgres) Pid() int { return p.server.cmd.Process.Pid }

// Done returns a channel that is closed when the server is gone, whether it was
// stopped or died. Err tells which.
func (p *Postgres) Done() <-chan struct{} { return p.server.done }

// Err returns why the server died, nil while it runs and when it was stopped.
func (p *Postgres) Err() error {
	select {
	case <-p.server.done:
	default:
		return nil
	}
	if p.stopped.Load() {
		return nil
	}
	return fmt.Errorf("PostgreSQL ended unexpectedly: %s; its log ends: %s", p.server.cmd.ProcessState, p.log.tail())
}

// Stop shuts the server down, returns when no process of it is left, and frees
// the data directory, so it must be called for a server that died too.
// Connections are ended, transactions rolled back. When ctx ends before that,
// the server is made to quit at once, which loses nothing committed but costs a
// recovery at the next start, and Stop returns an error. Further calls wait for
// the first and return the same.
func (p *Postgres) Stop(ctx context.Context) error {
	p.stopOnce.Do(func() { p.stopErr = p.stop(ctx) })
	return p.stopErr
}

func (p *Postgres) stop(ctx context.Context) error {
	defer unlock(p.owner)
	select {
	case <-p.server.done: // Err goes on telling why
	default:
		p.stopped.Store(true)
		p.log.end()
	}
	err := p.server.signal(syscall.SIGINT)
	select {
	case <-p.server.done:
	case <-ctx.Done():
		err = fmt.Errorf("stop PostgreSQL in time: %w", context.Cause(ctx))
		_ = p.server.signal(syscall.SIGQUIT) // what it cannot end in time is killed
		p.killAfter(quitGrace)
	}
	return errors.Join(err, p.awaitRest(context.WithoutCancel(ctx)))
}

// awaitRest waits for the processes that a killed server leaves behind: they
// notice it and end by themselves, within milliseconds unless they are at work.
func (p *Postgres) awaitRest(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, quitGrace,
		fmt.Errorf("not within %s", quitGrace))
	defer cancel()
	lock, err := awaitLock(ctx, filepath.Join(p.root, clusterLock), func() {})
	if err != nil {
		return fmt.Errorf("wait for the last database process: %w", err)
	}
	unlock(lock)
	return nil
}

// killAfter waits for the server and ends it by force when it takes too long.
func (p *Postgres) killAfter(grace time.Duration) {
	select {
	case <-p.server.done:
	case <-time.After(grace):
		p.server.kill()
	}
}

func (c *cluster) urlOf(port int, database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, c.password),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		Path:     database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// freePort returns a port that was free a moment ago.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find free port: %w", err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// settings are all that differs from the server's defaults, given anew at each
// start: a small machine, the loopback address only, and a log without
// statements and rows, which may hold what is secret.
func settings(port int, noFsync bool) []string {
	list := []string{
		"listen_addresses=127.0.0.1",
		"port=" + strconv.Itoa(port),
		"unix_socket_directories=",
		"max_connections=100",
		"shared_buffers=128MB",
		"jit=off", // pays for long queries only
		"timezone=UTC",
		"log_timezone=UTC",
		"log_destination=stderr",
		"logging_collector=off",
		"log_line_prefix=",
		"log_error_verbosity=terse",
		"log_min_error_statement=panic",
		"log_checkpoints=off",
	}
	if noFsync {
		list = append(list, "fsync=off", "full_page_writes=off")
	}
	args := make([]string, 0, 2*len(list))
	for _, setting := range list {
		args = append(args, "-c", setting)
	}
	return args
}
