package main

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMeter(t *testing.T) {
	t.Parallel()
	m, err := startMeter(t.Context(), map[string]int{"we": os.Getpid()})
	require.NoError(t, err)
	c, err := m.end()
	require.NoError(t, err)
	require.GreaterOrEqual(t, int64(c.cpu["we"]), int64(0))
	require.Positive(t, c.memory["we"])
	require.GreaterOrEqual(t, c.peak["we"], c.memory["we"])
}

func TestMeterMissesNothing(t *testing.T) {
	t.Parallel()
	child := exec.CommandContext(t.Context(), "cat")
	in, err := child.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	m, err := startMeter(t.Context(), map[string]int{"child": child.Process.Pid})
	require.NoError(t, err)
	require.NoError(t, in.Close())
	require.NoError(t, child.Wait())
	_, err = m.end()
	require.ErrorContains(t, err, "read usage of child", "what it used is not known")

	_, err = startMeter(t.Context(), map[string]int{"child": child.Process.Pid})
	require.ErrorContains(t, err, "read usage of child")
}

func TestDescribeMachine(t *testing.T) {
	t.Parallel()
	m := describeMachine(t.Context(), map[string]int{"we": os.Getpid()})
	require.NotEqual(t, unknown, m.system)
	require.NotEqual(t, unknown, m.memory)
	require.Positive(t, m.cores)
	require.Contains(t, m.String(), "Go 1.")
	require.Equal(t, unknown, procValue("cpuinfo", "no such thing"))
	require.Equal(t, unknown, procValue("nothing", "x"))
}
