package ingest

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
	"github.com/postrider/postrider/shared/token"
)

// TestKeysAreRemembered: a key costs a query once in a while, whether it is good
// or not, and not when it is forgotten.
func TestKeysAreRemembered(t *testing.T) {
	t.Parallel()
	db := testkit.Store(t)
	k, err := newKeys(db)
	require.NoError(t, err)
	defer k.close()
	good, _ := token.NewKey()
	bad, _ := token.NewKey()
	forged := token.Key{ID: good.ID, Digest: bad.Digest}
	require.NoError(t, db.CreateAPIKey(t.Context(), &store.APIKey{ID: good.ID, Name: "k", Scopes: []string{"read"}}, good.Digest[:]))

	var waiting errgroup.Group
	for range 20 {
		waiting.Go(func() error {
			found, err := k.APIKey(t.Context(), good)
			if err == nil && found.ID != good.ID {
				err = store.ErrNotFound
			}
			return err
		})
	}
	require.NoError(t, waiting.Wait())
	for range 2 {
		_, err = k.APIKey(t.Context(), bad)
		require.ErrorIs(t, err, store.ErrNotFound)
		_, err = k.APIKey(t.Context(), forged)
		require.ErrorIs(t, err, store.ErrNotFound)
	}

	require.NoError(t, db.DeleteAPIKey(t.Context(), good.ID))
	_, err = k.APIKey(t.Context(), good)
	require.NoError(t, err, "other processes take some seconds to see it")
	k.Forget(event.NewID())
	_, err = k.APIKey(t.Context(), good)
	require.NoError(t, err)
	k.Forget(good.ID)
	_, err = k.APIKey(t.Context(), good)
	require.ErrorIs(t, err, store.ErrNotFound)
}

// TestKeysExpireFromMemory waits as long as a deleted key may live.
func TestKeysExpireFromMemory(t *testing.T) {
	t.Parallel()
	db := testkit.Store(t)
	k, err := newKeys(db)
	require.NoError(t, err)
	defer k.close()
	key, _ := token.NewKey()
	require.NoError(t, db.CreateAPIKey(t.Context(), &store.APIKey{ID: key.ID, Name: "k", Scopes: []string{"read"}}, key.Digest[:]))
	_, err = k.APIKey(t.Context(), key)
	require.NoError(t, err)
	require.NoError(t, db.DeleteAPIKey(t.Context(), key.ID))
	testkit.Eventually(t, func() bool {
		_, err := k.APIKey(t.Context(), key)
		return err != nil
	}, "the key ends")
}

// TestStrangers: while the database is slow, keys that nobody has heard of are
// refused, but for a few; one that was good waits for its turn.
func TestStrangers(t *testing.T) {
	t.Parallel()
	database := testkit.Database(t)
	db := testkit.Open(t, database)
	k, err := newKeys(db)
	require.NoError(t, err)
	defer k.close()
	good, _ := token.NewKey()
	require.NoError(t, db.CreateAPIKey(t.Context(), &store.APIKey{ID: good.ID, Name: "k", Scopes: []string{"read"}}, good.Digest[:]))
	_, err = k.APIKey(t.Context(), good)
	require.NoError(t, err)
	k.Forget(good.ID)

	holder, err := testkit.SQL(t, database).Begin(t.Context())
	require.NoError(t, err)
	_, err = holder.Exec(t.Context(), `LOCK TABLE api_keys`)
	require.NoError(t, err)
	results := make(chan error, strangersWaiting+1)
	ask := func(key token.Key) {
		_, err := k.APIKey(t.Context(), key)
		results <- err
	}
	for range strangersWaiting {
		stranger, _ := token.NewKey()
		go ask(stranger)
	}
	testkit.Eventually(t, func() bool {
		if k.waiting.TryAcquire(1) {
			k.waiting.Release(1)
			return false
		}
		return true
	}, "strangers wait")
	another, _ := token.NewKey()
	_, err = k.APIKey(t.Context(), another)
	require.ErrorIs(t, err, api.ErrOverloaded)
	go ask(good)
	require.NoError(t, holder.Rollback(t.Context()))
	var notFound int
	for range strangersWaiting + 1 {
		if err := <-results; err != nil {
			require.ErrorIs(t, err, store.ErrNotFound)
			notFound++
		}
	}
	require.Equal(t, strangersWaiting, notFound)
}
