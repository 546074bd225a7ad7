package e2e

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/stack"
	"github.com/postrider/postrider/shared/testkit"
)

func TestMain(m *testing.M) {
	code := 1
	defer func() { os.Exit(code) }()
	dir, err := os.MkdirTemp("", "postrider-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	bin = dir
	defer func() { _ = os.RemoveAll(dir) }()
	code = testkit.Run(m)
}

// bin is the folder of the programs, built once by whoever needs them first.
var (
	bin   string
	build sync.Once
)

func programs(t *testing.T) string {
	t.Helper()
	build.Do(func() {
		require.NoError(t, stack.Build(t.Context(), bin))
		args := []string{"build", "-o", bin + "/"}
		if raceEnabled {
			args = append(args, "-race")
		}
		output, err := exec.CommandContext(t.Context(), "go", append(args, "../local")...).CombinedOutput()
		require.NoError(t, err, string(output))
	})
	require.FileExists(t, filepath.Join(bin, "local"), "the build failed")
	return bin
}

// system is a running Postrider of either shape.
type system struct {
	url, token string
}

// shapes starts a system of each shape, with the same settings.
var shapes = map[string]func(t *testing.T, env ...string) system{
	"one process": func(t *testing.T, env ...string) system {
		t.Helper()
		l := startLocal(t, t.TempDir(), env...)
		return system{l.url, l.token}
	},
	"five processes": func(t *testing.T, env ...string) system {
		t.Helper()
		s := startStack(t, env...)
		return system{s.URL, s.Token}
	},
}

func inBothShapes(t *testing.T, env []string, test func(t *testing.T, s system)) {
	t.Helper()
	programs(t)
	for name, start := range shapes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t, env...))
		})
	}
}

func startStack(t *testing.T, env ...string) *stack.Stack {
	t.Helper()
	return startStackOf(t, stack.Options{Env: env})
}

func startStackOf(t *testing.T, o stack.Options) *stack.Stack {
	t.Helper()
	o.Dir, o.Bin, o.NoFsync = t.TempDir(), cmp.Or(o.Bin, programs(t)), true
	s, err := stack.Start(testkit.Context(t), o)
	require.NoError(t, err)
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			showLogs(t, s)
		}
	})
	return s
}

func showLogs(t *testing.T, s *stack.Stack) {
	t.Helper()
	for _, name := range stack.Stages() {
		text, _ := os.ReadFile(s.Log(name))
		t.Logf("log of %s:\n%s", name, tail(string(text), 20))
	}
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// localProcess is the all-in-one program.
type localProcess struct {
	url, token string
	cmd        *exec.Cmd
	exited     chan struct{}
	stderr     *strings.Builder
}

// startLocal starts the program on a data folder and returns when it says ready.
func startLocal(t *testing.T, dir string, env ...string) *localProcess {
	t.Helper()
	l := &localProcess{exited: make(chan struct{}), stderr: new(strings.Builder)}
	l.cmd = exec.Command(filepath.Join(programs(t), "local"))
	l.cmd.Env = settings(append([]string{
		"POSTRIDER_DATA_DIR=" + dir, "POSTRIDER_LISTEN=" + freeAddress(t), "POSTRIDER_ADMIN_LISTEN=",
	}, env...)...)
	l.cmd.Stderr = l.stderr
	l.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdout, err := l.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, l.cmd.Start())
	ready := make(chan string, 1)
	go func() {
		defer close(l.exited)
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if line, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
				ready <- line
			}
		}
		_ = l.cmd.Wait()
	}()
	t.Cleanup(func() {
		l.stop(t)
		if t.Failed() {
			t.Logf("standard error:\n%s", tail(l.stderr.String(), 40))
		}
	})
	select {
	case line := <-ready:
		_, err := fmt.Sscanf(line, "%s token %s", &l.url, &l.token)
		require.NoError(t, err, line)
		require.Contains(t, line, "curl", "a first command to try")
	case <-l.exited:
		t.Fatalf("ended before it was ready: %s", l.stderr)
	case <-time.After(time.Minute):
		t.Fatal("not ready within a minute")
	}
	return l
}

// stop ends the program as Ctrl-C does, and expects that it ends well and soon.
func (l *localProcess) stop(t *testing.T) {
	t.Helper()
	select {
	case <-l.exited:
		return
	default:
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	require.NoError(t, l.cmd.Process.Signal(os.Interrupt))
	select {
	case <-l.exited:
		require.Zero(t, l.cmd.ProcessState.ExitCode(), "exit code; %s", l.stderr)
	case <-ctx.Done():
		_ = l.cmd.Process.Kill()
		t.Error("did not end within half a minute")
	}
}
