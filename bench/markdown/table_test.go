package markdown_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/bench/markdown"
)

func TestTable(t *testing.T) {
	t.Parallel()
	require.Empty(t, markdown.Table{}.String())
	var table markdown.Table
	table.Add("", "now", "then")
	table.Add("p99, µs", "7", "12345")
	require.Equal(t, ""+
		"|         | now |  then |\n"+
		"|---------|----:|------:|\n"+
		"| p99, µs |   7 | 12345 |\n", table.String())
}
