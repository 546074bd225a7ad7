package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// What the data directory holds.
const (
	clusterDir      = "cluster"           // PostgreSQL's own, once it is whole
	unfinishedDir   = "cluster.new"       // what initdb works on
	passwordFile    = "postgres.password" // of the superuser
	postgresLock    = "postgres.lock"     // held by us while we use the directory
	clusterLock     = "cluster.lock"      // held by every server process of the cluster
	superuser       = "postrider"
	databaseName    = "postrider"
	maintenanceName = "postgres" // the database that is there from the start
)

// The first descriptors that a child inherits beyond the standard three.
const (
	lockDescriptor = 3 + iota
	folderDescriptor
	passwordDescriptor
)

// cluster is the data of one PostgreSQL server and what is needed to run it.
type cluster struct {
	root string // the data directory, absolute
	user account
	bin  binaries
	log  *serverLog

	// lock is open until the server runs. All its processes inherit it, so it is
	// free again only when the last of them is gone.
	lock     *os.File
	password string
}

// openCluster makes sure that no server of an earlier run is left, and makes the
// cluster at the first use. The caller closes its lock.
func openCluster(ctx context.Context, root string, o PostgresOptions, log *serverLog) (*cluster, error) {
	c := &cluster{root: root, log: log}
	var err error
	if c.lock, err = c.takeOver(ctx); err != nil {
		return nil, err
	}
	if err := c.prepare(ctx, o); err != nil {
		_ = c.lock.Close() // not unlocked: what initdb started may still be ending
		return nil, err
	}
	return c, nil
}

func (c *cluster) dir() string { return filepath.Join(c.root, clusterDir) }

func (c *cluster) prepare(ctx context.Context, o PostgresOptions) error {
	major, err := clusterMajor(c.dir())
	if err != nil {
		return err
	}
	if c.user, err = serverAccount(c.dir()); err != nil {
		return err
	}
	if err := c.checkWay(); err != nil {
		return err
	}
	if c.bin, err = findBinaries(ctx, o.BinDirs, c.user, major); err != nil {
		return err
	}
	if major == 0 {
		return c.initialise(ctx, o)
	}
	if err := c.user.own(c.dir()); err != nil {
		return fmt.Errorf("give cluster to the database's user: %w", err)
	}
	if c.password, err = readSecret(filepath.Join(c.root, passwordFile)); err != nil {
		return &DataDirError{Dir: c.root, Err: fmt.Errorf("read the database password: %w", err)}
	}
	return nil
}

// checkWay tells whether the server can get at the cluster: a folder such as
// /root above it may be closed to the user that it runs as.
func (c *cluster) checkWay() error {
	closed := c.user.closedAt(c.root)
	if _, passes := folderOfDescriptor(folderDescriptor); closed == "" || passes {
		return nil
	}
	return &DataDirError{Dir: c.root, Err: fmt.Errorf("PostgreSQL refuses to run as root, "+
		"and the user that it runs as instead may not pass %s", closed)}
}

// initialise makes the cluster beside its place and moves it there when it is
// whole, so that one cut short is simply made again.
func (c *cluster) initialise(ctx context.Context, o PostgresOptions) error {
	secret := filepath.Join(c.root, passwordFile)
	var err error
	if c.password, err = makeSecret(secret); err != nil {
		return fmt.Errorf("make database password: %w", err)
	}
	password, err := os.Open(secret)
	if err != nil {
		return fmt.Errorf("open database password: %w", err)
	}
	defer password.Close()
	unfinished := filepath.Join(c.root, unfinishedDir)
	if err := os.RemoveAll(unfinished); err != nil {
		return fmt.Errorf("remove unfinished cluster: %w", err)
	}
	if err := os.Mkdir(unfinished, 0o700); err != nil {
		return fmt.Errorf("make cluster folder: %w", err)
	}
	// An inherited file is opened by its /dev/fd name, which only its owner may do.
	if err := errors.Join(c.user.own(unfinished), c.user.ownFile(password)); err != nil {
		return fmt.Errorf("give cluster to the database's user: %w", err)
	}
	if err := c.runInitdb(ctx, unfinished, password, o.NoFsync); err != nil {
		return fmt.Errorf("run initdb: %w", err)
	}
	return c.moveInPlace(unfinished)
}

func (c *cluster) runInitdb(ctx context.Context, folder string, password *os.File, noFsync bool) error {
	args := []string{
		"--username=" + superuser, "--auth=scram-sha-256",
		fmt.Sprintf("--pwfile=/dev/fd/%d", passwordDescriptor),
		"--locale=C", "--encoding=UTF8",
	}
	if noFsync {
		args = append(args, "--no-sync")
	}
	initdb, err := c.start("initdb", folder, syscall.SIGKILL, args, password)
	if err != nil {
		return err
	}
	select {
	case <-initdb.done:
	case <-ctx.Done():
		initdb.kill()
		return context.Cause(ctx)
	}
	if initdb.err != nil {
		return fmt.Errorf("%w; its output ends: %s", initdb.err, c.log.tail())
	}
	return nil
}

func (c *cluster) moveInPlace(unfinished string) error {
	if err := os.Rename(unfinished, c.dir()); err != nil {
		return fmt.Errorf("move new cluster in place: %w", err)
	}
	root, err := os.Open(c.root)
	if err != nil {
		return fmt.Errorf("open data directory: %w", err)
	}
	defer root.Close()
	if err := root.Sync(); err != nil {
		return fmt.Errorf("sync data directory: %w", err)
	}
	return nil
}

// start runs a server program on folder. The program inherits the cluster's
// lock, the folder and the extra files, in the order of the descriptors above.
func (c *cluster) start(program, folder string, whenOrphaned syscall.Signal, args []string, extra ...*os.File) (*child, error) {
	open, err := os.Open(folder)
	if err != nil {
		return nil, fmt.Errorf("open cluster: %w", err)
	}
	defer open.Close()
	where := folder
	if c.user.closedAt(folder) != "" {
		where, _ = folderOfDescriptor(folderDescriptor) // that it can was asked before
	}
	//nolint:noctx // the server outlives the context of its start
	cmd := exec.Command(filepath.Join(c.bin.dir, program), append([]string{"-D", where}, args...)...)
	cmd.Stdout, cmd.Stderr = c.log, c.log
	cmd.ExtraFiles = append([]*os.File{c.lock, open}, extra...)
	process, err := startChild(cmd, c.user, whenOrphaned)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	return process, nil
}

// takeOver returns the cluster's lock once no process of a server from an
// earlier run is left. Such a server had its owner killed: it is told to stop,
// if it was not yet, and waited for until ctx ends.
func (c *cluster) takeOver(ctx context.Context) (*os.File, error) {
	told := false
	lock, err := awaitLock(ctx, filepath.Join(c.root, clusterLock), func() {
		if told {
			return
		}
		// Not there yet while initdb runs or the server has only begun.
		if pid, _ := readPidFile(c.dir()); pid != 0 && runsIn(pid, c.dir()) {
			c.log.log.Warn().Int("pid", pid).Msg("stopping the database server of an earlier run")
			told = syscall.Kill(pid, syscall.SIGINT) == nil
		}
	})
	if err != nil {
		return nil, fmt.Errorf("wait for the database server of an earlier run: %w", err)
	}
	if err := c.clearPidFile(); err != nil {
		unlock(lock)
		return nil, err
	}
	return lock, nil
}

// clearPidFile removes a postmaster.pid whose process is not a server of this
// cluster. PostgreSQL does that itself, except when the number belongs to
// another process by now, as after the restart of a container: then it would
// refuse to start for ever.
func (c *cluster) clearPidFile() error {
	pid, _ := readPidFile(c.dir())
	if pid == 0 {
		return nil
	}
	if runsIn(pid, c.dir()) {
		return &DataDirError{Dir: c.root, Err: fmt.Errorf("%w: postgres %d, started by hand", ErrInUse, pid)}
	}
	if err := os.Remove(filepath.Join(c.dir(), "postmaster.pid")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove stale postmaster.pid: %w", err)
	}
	return nil
}

// readPidFile returns the process that postmaster.pid names, 0 when there is
// none, and whether it says that the server is ready for connections.
func readPidFile(dir string) (pid int, ready bool) {
	text, err := os.ReadFile(filepath.Join(dir, "postmaster.pid"))
	if err != nil {
		return 0, false
	}
	const statusLine = 7 // counted from 0
	lines := strings.Split(string(text), "\n")
	if pid, err = strconv.Atoi(lines[0]); err != nil || pid < 0 {
		return 0, false // a server in single-user mode writes a negative number
	}
	return pid, len(lines) > statusLine && strings.TrimSpace(lines[statusLine]) == "ready"
}
