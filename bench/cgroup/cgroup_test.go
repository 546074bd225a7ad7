package cgroup

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	mountsOfOne = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0\n" +
		"cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n"
	mountsOfTwo = "proc /proc proc rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n"
)

// machine is a file system with control groups in it, as the kernel shows them.
func machine(t *testing.T, files map[string]string) (root string) {
	t.Helper()
	root = t.TempDir()
	for name, text := range files {
		at := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(at), 0o755))
		require.NoError(t, os.WriteFile(at, []byte(text), 0o600))
	}
	return root
}

func TestVersions(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		files map[string]string
		want  map[string]string // in folders with a * for the name of the group
	}{
		"one": {
			files: map[string]string{
				"proc/self/mounts": mountsOfOne, "proc/self/cgroup": "4:memory:/of/us\n1:cpu,cpuacct:/\n0::/\n",
				"sys/fs/cgroup/memory/of/us/cgroup.procs": "", "sys/fs/cgroup/cpu,cpuacct/cgroup.procs": "",
			},
			want: map[string]string{
				"sys/fs/cgroup/cpu,cpuacct/bench-*/cpu.cfs_quota_us":       "25000",
				"sys/fs/cgroup/cpu,cpuacct/bench-*/cpu.cfs_period_us":      "100000",
				"sys/fs/cgroup/memory/of/us/bench-*/memory.limit_in_bytes": "500000000",
			},
		},
		"two, below the group of this process": {
			files: map[string]string{
				"proc/self/mounts": mountsOfTwo, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cgroup.subtree_control": "cpuset cpu memory\n",
			},
			want: map[string]string{"sys/fs/cgroup/bench-*/cpu.max": "25000 100000", "sys/fs/cgroup/bench-*/memory.max": "500000000"},
		},
		"two, beside it": {
			files: map[string]string{
				"proc/self/mounts": mountsOfTwo, "proc/self/cgroup": "0::/user/us\n", "sys/fs/cgroup/user/us/cgroup.procs": "",
				"sys/fs/cgroup/user/cgroup.subtree_control": "cpu memory",
			},
			want: map[string]string{"sys/fs/cgroup/user/bench-*/cpu.max": "25000 100000", "sys/fs/cgroup/user/bench-*/memory.max": "500000000"},
		},
		"two, seen from a container": {
			files: map[string]string{
				"proc/self/mounts": mountsOfTwo, "proc/self/cgroup": "0::/of/the/host\n", "sys/fs/cgroup/cgroup.subtree_control": "",
			},
			want: map[string]string{"sys/fs/cgroup/bench-*/memory.max": "500000000", "sys/fs/cgroup/cgroup.subtree_control": "+memory"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := machine(t, test.files)
			_, err := newGroup(os.DirFS(root), root, Limits{CPUs: 0.25, Memory: 500e6})
			require.NoError(t, err)
			for file, value := range test.want {
				found, err := filepath.Glob(filepath.Join(root, file))
				require.NoError(t, err)
				require.Len(t, found, 1, file)
				text, err := os.ReadFile(found[0])
				require.NoError(t, err)
				require.Equal(t, value, string(text), file)
			}
		})
	}
}

func TestNone(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]map[string]string{
		"no Linux":      {},
		"not mounted":   {"proc/self/mounts": "proc /proc proc rw 0 0\n", "proc/self/cgroup": "0::/\n"},
		"half of it":    {"proc/self/mounts": "cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n", "proc/self/cgroup": "1:cpu:/\n"},
		"no controller": {"proc/self/mounts": mountsOfTwo, "proc/self/cgroup": "0::/\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := machine(t, files)
			_, err := newGroup(os.DirFS(root), root, Limits{CPUs: 1, Memory: 1 << 30})
			require.ErrorIs(t, err, ErrNone)
		})
	}
}

// TestGroup limits a real process, where this one may. All of this process is in the
// group for a moment.
func TestGroup(t *testing.T) {
	g, err := New(Limits{CPUs: 1, Memory: 1 << 30})
	if err != nil {
		require.ErrorIs(t, err, ErrNone)
		return
	}
	child := exec.CommandContext(t.Context(), "cat")
	in, err := child.StdinPipe()
	require.NoError(t, err)
	before := groupsOf(t, os.Getpid())
	require.NoError(t, g.Start(child.Start))
	require.Equal(t, before, groupsOf(t, os.Getpid()), "back again")
	require.Contains(t, groupsOf(t, child.Process.Pid), "/"+filepath.Base(g.parts[0].dir))
	require.NoError(t, in.Close())
	require.NoError(t, child.Wait())
	dir := g.parts[0].dir
	require.NoError(t, g.Close())
	require.NoDirExists(t, dir)

	failed := errors.New("no such program")
	g, err = New(Limits{CPUs: 1, Memory: 1 << 30})
	require.NoError(t, err)
	require.ErrorIs(t, g.Start(func() error { return failed }), failed)
	require.Equal(t, before, groupsOf(t, os.Getpid()))
	require.NoError(t, g.Close())
}

func groupsOf(t *testing.T, pid int) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cgroup"))
	require.NoError(t, err)
	return strings.TrimSpace(string(text))
}
