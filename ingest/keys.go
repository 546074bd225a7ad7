package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/semaphore"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/token"
)

const (
	// keyMemory is how long an API key that was deleted or changed may go on as
	// it was, in processes other than the one that did it. Meanwhile its requests
	// cost no query.
	keyMemory = 5 * time.Second

	keysRemembered = 10_000
	keyTimeout     = 5 * time.Second

	// Keys that have been good within this time are looked up whenever they have to
	// be; of others so many at the same time while so many wait at most, so that
	// whoever sends random ones from very many addresses keeps neither the database
	// nor this process from the rest.
	goodMemory       = time.Hour
	strangersAsked   = 2
	strangersWaiting = 128
)

// keys implements api.Keys.
type keys struct {
	store *store.Store
	cache *otter.Cache[token.Key, *store.APIKey] // nil: there is no such key
	good  *otter.Cache[token.Key, struct{}]

	waiting, asked *semaphore.Weighted // strangers
}

func newKeys(s *store.Store) (*keys, error) {
	cache, err := otter.New(&otter.Options[token.Key, *store.APIKey]{
		MaximumSize:      keysRemembered,
		ExpiryCalculator: otter.ExpiryWriting[token.Key, *store.APIKey](keyMemory),
	})
	if err != nil {
		return nil, fmt.Errorf("make cache of API keys: %w", err)
	}
	good, err := otter.New(&otter.Options[token.Key, struct{}]{
		MaximumSize:      keysRemembered,
		ExpiryCalculator: otter.ExpiryWriting[token.Key, struct{}](goodMemory),
	})
	if err != nil {
		return nil, fmt.Errorf("make cache of good API keys: %w", err)
	}
	return &keys{
		store: s, cache: cache, good: good,
		waiting: semaphore.NewWeighted(strangersWaiting), asked: semaphore.NewWeighted(strangersAsked),
	}, nil
}

// APIKey asks for a key once for all who wait for it. So it does not end with the
// request that happened to be first. It returns api.ErrOverloaded where too many
// keys are asked for that nobody has heard of.
func (k *keys) APIKey(ctx context.Context, key token.Key) (*store.APIKey, error) {
	found, err := k.cache.Get(ctx, key, otter.LoaderFunc[token.Key, *store.APIKey](k.load))
	if err == nil && found == nil {
		err = store.ErrNotFound
	}
	return found, err
}

func (k *keys) load(ctx context.Context, key token.Key) (*store.APIKey, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keyTimeout)
	defer cancel()
	if _, ok := k.good.GetIfPresent(key); !ok {
		if !k.waiting.TryAcquire(1) {
			return nil, fmt.Errorf("look for an API key: %w", api.ErrOverloaded)
		}
		defer k.waiting.Release(1)
		if err := k.asked.Acquire(ctx, 1); err != nil {
			return nil, fmt.Errorf("wait to look for an API key: %w", api.ErrOverloaded)
		}
		defer k.asked.Release(1)
	}
	found, err := k.store.UseAPIKey(ctx, key.ID, key.Digest[:])
	switch {
	case err == nil:
		k.good.Set(key, struct{}{})
	case errors.Is(err, store.ErrNotFound):
		k.good.Invalidate(key)
		return nil, nil //nolint:nilnil // to be remembered, too
	}
	return found, err
}

// Forget has a key looked up next time.
func (k *keys) Forget(id event.ID) {
	for key := range k.cache.Keys() {
		if key.ID == id {
			k.cache.Invalidate(key)
		}
	}
}

// close ends what the caches do by themselves.
func (k *keys) close() {
	k.cache.StopAllGoroutines()
	k.good.StopAllGoroutines()
}
