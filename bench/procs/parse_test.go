package procs

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text string
		want stat
		err  string
	}{
		"plain": {
			text: "42 (nats) S 7 42 42 0 -1 4194560 900 0 0 0 150 50 20 5 20 0 9 0 100 1 2",
			want: stat{parent: 7, own: 200, waited: 25},
		},
		"a name full of traps": {
			text: "42 (a) R 1 (b c) S 7 42 42 0 -1 4194560 900 0 0 0 1 2 3 4 20 0",
			want: stat{parent: 7, own: 3, waited: 7},
		},
		"no name":   {text: "42 S 7", err: "no name"},
		"cut short": {text: "42 (x) S 7 1", err: "3 fields"},
		"no number": {text: "42 (x) S x 42 42 0 -1 4194560 900 0 0 0 1 2 3 4 20 0", err: "invalid syntax"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := parseStat([]byte(test.text))
			if test.err != "" {
				require.ErrorContains(t, err, test.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}

func TestParseMemory(t *testing.T) {
	t.Parallel()
	got, err := parseMemory("Name:\tpostgres\nVmHWM:\t  2048 kB\nVmRSS:\t  1024 kB\nRssAnon:\t 512 kB\nRssFile:\t 256 kB\nRssShmem:\t 128 kB\nThreads:\t1\n")
	require.NoError(t, err)
	require.Equal(t, memory{resident: 1 << 20, peak: 2 << 20, anonymous: 512 << 10, file: 256 << 10, shared: 128 << 10}, got)

	got, err = parseMemory("Name:\tzombie\nState:\tZ (zombie)\n")
	require.NoError(t, err)
	require.Zero(t, got)

	_, err = parseMemory("VmRSS:\tmuch\n")
	require.ErrorContains(t, err, "parse VmRSS")
}

func TestFamily(t *testing.T) {
	t.Parallel()
	_, err := table{}.usage(1)
	require.ErrorContains(t, err, "process 1 is gone")
}
