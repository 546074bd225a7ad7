package meter_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/postrider/postrider/bench/meter"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMeter(t *testing.T) {
	t.Parallel()
	m, err := meter.Start(t.Context(), map[string]int{"we": os.Getpid()})
	require.NoError(t, err)
	c, err := m.End()
	require.NoError(t, err)
	require.GreaterOrEqual(t, int64(c.CPU["we"]), int64(0))
	require.Positive(t, c.Memory["we"])
	require.GreaterOrEqual(t, c.Peak["we"], c.Memory["we"])
}

func TestMeterMissesNothing(t *testing.T) {
	t.Parallel()
	child := exec.CommandContext(t.Context(), "cat")
	in, err := child.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	m, err := meter.Start(t.Context(), map[string]int{"child": child.Process.Pid})
	require.NoError(t, err)
	require.NoError(t, in.Close())
	require.NoError(t, child.Wait())
	_, err = m.End()
	require.ErrorContains(t, err, "read usage of child", "what it used is not known")

	_, err = meter.Start(t.Context(), map[string]int{"child": child.Process.Pid})
	require.ErrorContains(t, err, "read usage of child")
}
