package rebuild

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/testkit"
)

// BenchmarkLook is what a watch costs with nothing to do, every two seconds.
func BenchmarkLook(b *testing.B) {
	s, n := testkit.Store(b), testkit.Bus(b)
	w := watch{Rebuilder: &Rebuilder{Bus: n, Store: s}, db: s}
	for b.Loop() {
		require.NoError(b, w.look(b.Context()))
	}
}
