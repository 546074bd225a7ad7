package machine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMeasureWakes(t *testing.T) {
	t.Parallel()
	w, err := MeasureWakes(t.Context(), 100, 100*time.Millisecond)
	require.NoError(t, err)
	require.Positive(t, w.Rested)
	require.Positive(t, w.Busy)
	require.Contains(t, w.String(), "at 100/s")
}
