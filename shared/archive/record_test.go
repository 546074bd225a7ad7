package archive_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/postrider/postrider/shared/archive"
)

// TestBytes: what is written as text is the very same bytes when it is read.
func TestBytes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := archive.Bytes(rapid.OneOf(rapid.SliceOf(rapid.Byte()), rapid.Map(rapid.String(), func(s string) []byte { return []byte(s) })).Draw(t, "bytes"))
		text, err := json.Marshal(want)
		require.NoError(t, err)
		var got archive.Bytes
		require.NoError(t, json.Unmarshal(text, &got))
		require.Equal(t, string(want), string(got))
	})
}
