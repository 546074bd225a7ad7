package machine

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDescribe(t *testing.T) {
	t.Parallel()
	m := Describe(t.Context(), map[string]int{"we": os.Getpid()})
	require.NotEqual(t, unknown, m.System)
	require.NotEqual(t, unknown, m.Memory)
	require.Positive(t, m.Cores)
	require.Contains(t, m.String(), "Go 1.")
	require.Equal(t, unknown, procValue("cpuinfo", "no such thing"))
	require.Equal(t, unknown, procValue("nothing", "x"))
}
