package embedded

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// owner is another process that runs a server on dir.
type owner struct {
	cmd    *exec.Cmd
	output *bufio.Reader
}

func startOwner(t *testing.T, dir string) owner {
	t.Helper()
	cmd := exec.CommandContext(testContext(t), os.Args[0])
	cmd.Env = append(os.Environ(), ownerVariable+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	o := owner{cmd: cmd, output: bufio.NewReader(out)}
	t.Cleanup(o.kill)
	return o
}

func (o owner) kill() {
	_ = o.cmd.Process.Kill() // gone already after the first call
	_ = o.cmd.Wait()
}

// gone tells whether no process has the number. A dead one that nobody has
// asked about yet counts as gone.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	_, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	return errors.Is(err, os.ErrNotExist) && isLinux()
}

func isLinux() bool {
	_, linux := folderOfDescriptor(0)
	return linux
}

// The owner is killed and cannot stop its server; the next owner goes on with
// the same data and never beside the old server.
func TestOwnerKilled(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	first := startOwner(t, dir)
	var pid int
	var url string
	if _, err := fmt.Fscan(first.output, &pid, &url); err != nil {
		t.Fatal(err)
	}
	execute(t, url, "CREATE TABLE kept AS SELECT 42 AS answer")
	first.kill()

	p := start(t, dir)
	if !gone(pid) {
		t.Error("the server of the killed owner still runs")
	}
	if got := query[int](t, p.URL(), "SELECT answer FROM kept"); got != 42 {
		t.Errorf("got %d", got)
	}
}

// The owner is killed while the cluster is being made.
func TestOwnerKilledAtFirstStart(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	first := startOwner(t, dir)
	ctx := testContext(t)
	for !exists(filepath.Join(dir, unfinishedDir, "PG_VERSION")) && !exists(filepath.Join(dir, clusterDir)) {
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			t.Fatal("initdb did not begin")
		}
	}
	first.kill()
	if got := query[int](t, start(t, dir).URL(), "SELECT 1"); got != 1 {
		t.Errorf("got %d", got)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// A server that was not told of its owner's death, as on other systems than
// Linux, runs on until the next start.
func TestOrphanRunsOn(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	orphan := start(t, dir)
	execute(t, orphan.URL(), "CREATE TABLE kept AS SELECT 42 AS answer")
	unlock(orphan.owner) // as the system does for a dead owner
	p := start(t, dir)
	if !gone(orphan.Pid()) {
		t.Error("the orphan still runs")
	}
	if got := query[int](t, p.URL(), "SELECT answer FROM kept"); got != 42 {
		t.Errorf("got %d", got)
	}
	// Nobody stops it any more, and its own Stop would wait for the new server.
	orphan.stopOnce.Do(func() { <-orphan.Done() })
}

// After the restart of a container, say, the number in postmaster.pid is that
// of another process of the same user.
func TestStalePidFile(t *testing.T) {
	t.Parallel()
	dir, other := dataDir(t), start(t, dataDir(t))
	p := start(t, dir)
	pidFile := filepath.Join(dir, clusterDir, "postmaster.pid")
	text, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(testContext(t)); err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\n")
	if err := os.WriteFile(pidFile, fmt.Appendf(nil, "%d\n%s", other.Pid(), rest), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := query[int](t, start(t, dir).URL(), "SELECT 1"); got != 1 {
		t.Errorf("got %d", got)
	}
	if got := query[int](t, other.URL(), "SELECT 1"); got != 1 {
		t.Errorf("the other server: got %d", got)
	}
}

// A server that somebody started by hand holds no lock of ours.
func TestServerStartedByHand(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	p := start(t, dir)
	c := &cluster{root: p.root}
	if err := c.clearPidFile(); !errors.Is(err, ErrInUse) {
		t.Errorf("got %v", err)
	}
}
