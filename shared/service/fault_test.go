package service

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/store"
)

func TestOneLine(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"one":    {errors.New("open port: taken"), "open port: taken"},
		"joined": {errors.Join(errors.New("a is wrong"), errors.New("b is wrong")), "a is wrong; b is wrong"},
		"of a driver that tried twice": {
			fmt.Errorf("reach database: %w\n(set it)", errors.New("failed to connect to `x`:\n\t127.0.0.1: refused\n\t127.0.0.1: refused")),
			"reach database: failed to connect to `x`: 127.0.0.1: refused (set it)",
		},
		"nothing": {errors.New(""), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, test.want, oneLine(test.err))
		})
	}
}

// TestAdvise: whatever is wrong with a server, what there is to do is about that one.
func TestAdvise(t *testing.T) {
	t.Parallel()
	late := fmt.Errorf("look up stream EVENTS: %w", context.DeadlineExceeded) // which passes for an error of the network
	require.ErrorContains(t, advise(onNATS, late), "(is nats-server running there? set POSTRIDER_NATS_URL)")
	require.ErrorContains(t, advise(onPostgres, late), "(is PostgreSQL running there? set POSTRIDER_DATABASE_URL)")
	require.Equal(t, store.ErrOlderSchema, advise(onPostgres, store.ErrOlderSchema), "it says itself what to do")
}
