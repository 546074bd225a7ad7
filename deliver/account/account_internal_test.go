package account

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/egress"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// TestBookIsBounded opens more accounts than are remembered, and lets time pass.
func TestBookIsBounded(t *testing.T) {
	t.Parallel()
	c := &store.Credentials{ServerCA: testkit.NewAuthority(t, "a").PEM()}
	synctest.Test(t, func(t *testing.T) {
		b := NewBook(egress.Policy{}, egress.Policy{}.Client(egress.Pool{}))
		open := func() *Account {
			a, err := b.Open(event.NewID(), c)
			require.NoError(t, err)
			return a
		}
		inUse := open()
		second := open()
		second.Release()
		for range maxAccounts {
			open().Release()
		}
		require.Len(t, b.byID, maxAccounts)
		require.Equal(t, maxAccounts, b.recent.Len())
		require.True(t, inUse.dropped, "it was called longest ago")
		require.True(t, second.dropped)
		inUse.Release() // which closes it

		time.Sleep(forgetAfter)
		last := open()
		require.Len(t, b.byID, 1, "the others were forgotten")
		again, err := b.Open(last.id, c)
		require.NoError(t, err)
		require.Same(t, last, again)
		b.Close()
		require.Empty(t, b.byID)
		last.Release()
		again.Release()
		require.Zero(t, last.users)
	})
}
