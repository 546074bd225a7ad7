package procs_test

import (
	"bufio"
	"crypto/sha256"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/postrider/postrider/bench/procs"
)

// TestMain also plays the child of these tests: it works for a while, says so
// and lives until its input ends.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "child" {
		work(procs.CPUOf, os.Getpid())
		_, _ = os.Stdout.WriteString("worked\n")
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}
	goleak.VerifyTestMain(m)
}

const worked = 50 * time.Millisecond

// work uses CPU until it is seen to have done so.
func work(cpu func(int) (time.Duration, error), pid int) {
	for start, err := cpu(pid); err == nil; {
		now, err := cpu(pid)
		if err != nil || now-start >= worked {
			return
		}
		_ = sha256.Sum256(make([]byte, 1<<20))
	}
}

func TestOwnProcess(t *testing.T) {
	t.Parallel()
	before, err := procs.CPUOf(os.Getpid())
	require.NoError(t, err)
	work(procs.CPUOf, os.Getpid())
	after, err := procs.CPUOf(os.Getpid())
	require.NoError(t, err)
	require.GreaterOrEqual(t, after-before, worked)

	usage := own(t)
	require.GreaterOrEqual(t, usage.CPU, after)
	require.Greater(t, usage.RSS, int64(1<<20))
	require.GreaterOrEqual(t, usage.Peak, usage.RSS)
}

// TestChild follows a child from life, where its time is its own, past its end,
// where it is among what its parent has waited for.
func TestChild(t *testing.T) {
	t.Parallel()
	before := own(t)

	child := exec.CommandContext(t.Context(), os.Args[0], "child")
	in, err := child.StdinPipe()
	require.NoError(t, err)
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "worked\n", line)

	both, err := procs.OfEach(map[string]int{"we": os.Getpid(), "child": child.Process.Pid})
	require.NoError(t, err)
	require.GreaterOrEqual(t, both["child"].CPU, worked)
	require.GreaterOrEqual(t, both["we"].CPU, before.CPU+worked, "a parent's usage has that of its children in it")
	require.Positive(t, both["child"].RSS)

	require.NoError(t, in.Close())
	require.NoError(t, child.Wait())
	after := own(t)
	require.GreaterOrEqual(t, after.CPU, both["we"].CPU)

	_, err = procs.OfEach(map[string]int{"child": child.Process.Pid})
	require.ErrorContains(t, err, "read usage of child: process")
}

func TestFiles(t *testing.T) {
	t.Parallel()
	child := exec.CommandContext(t.Context(), "cat")
	in, err := child.StdinPipe()
	require.NoError(t, err)
	for range 5 { // it inherits one each
		child.ExtraFiles = append(child.ExtraFiles, os.Stdin)
	}
	require.NoError(t, child.Start())
	n, err := procs.Files(child.Process.Pid)
	require.NoError(t, err)
	require.GreaterOrEqual(t, n, 8, "with input, output and errors")
	require.NoError(t, in.Close())
	require.NoError(t, child.Wait())
	_, err = procs.Files(child.Process.Pid)
	require.ErrorContains(t, err, "open files")
}

// own is what this process has used.
func own(t *testing.T) procs.Usage {
	t.Helper()
	all, err := procs.OfEach(map[string]int{"own": os.Getpid()})
	require.NoError(t, err)
	return all["own"]
}
