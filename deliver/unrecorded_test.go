package deliver

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestUnrecorded: so many attempts and no more wait to be recorded, and calls that
// take long are not among them while they do.
func TestUnrecorded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		u := newUnrecorded()
		var made []*debt
		for range mostUnrecorded {
			d, err := u.begin(t.Context())
			require.NoError(t, err)
			d.made()
			made = append(made, d)
		}
		full := func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			d, err := u.begin(ctx)
			if err == nil {
				d.made()
				made = append(made, d)
			}
			return err != nil
		}
		require.True(t, full(), "however long it takes to record them")
		made[0].settle()
		made[0].settle()
		require.False(t, full())
		require.True(t, full(), "settled twice is settled once")
		for _, d := range made {
			d.settle()
		}

		var slow []*debt
		for range 3 * mostUnrecorded { // each waits until those before it are slow
			d, err := u.begin(t.Context())
			require.NoError(t, err)
			slow = append(slow, d)
		}
		synctest.Wait()
		time.Sleep(briefCall)
		require.False(t, full())
		for _, d := range slow {
			d.made()
		}
		require.True(t, full(), "those that took long count, too, once they have ended")
		for _, d := range slow[mostUnrecorded:] {
			d.settle()
		}
		require.True(t, full(), "there were more than there is room for")
		for _, d := range slow {
			d.settle()
		}
		require.False(t, full())
		(*debt)(nil).settle()
	})
}
