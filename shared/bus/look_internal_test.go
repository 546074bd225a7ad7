package bus

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMatches(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		filter, subject string
		want            bool
	}{
		{">", "a.b", true},
		{"a.>", "a.b.c", true},
		{"a.>", "a", false},
		{"a.*", "a.b", true},
		{"a.*", "a.b.c", false},
		{"*.b", "a.b", true},
		{"a", "a", true},
		{"a.b", "a", false},
		{"a.b", "a.c", false},
		{"dlq.*.*", "dlq.poison.DELIVER.s00", false},
	} {
		require.Equal(t, tt.want, matches(tt.filter, tt.subject), "%s of %s", tt.filter, tt.subject)
	}
}
