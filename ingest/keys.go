package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/maypok86/otter/v2"

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
)

// keys implements api.Keys.
type keys struct {
	store *store.Store
	cache *otter.Cache[token.Key, *store.APIKey] // nil: there is no such key
}

func newKeys(s *store.Store) (*keys, error) {
	cache, err := otter.New(&otter.Options[token.Key, *store.APIKey]{
		MaximumSize:      keysRemembered,
		ExpiryCalculator: otter.ExpiryWriting[token.Key, *store.APIKey](keyMemory),
	})
	if err != nil {
		return nil, fmt.Errorf("make cache of API keys: %w", err)
	}
	return &keys{store: s, cache: cache}, nil
}

// APIKey asks for a key once for all who wait for it. So it does not end with the
// request that happened to be first.
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
	found, err := k.store.UseAPIKey(ctx, key.ID, key.Digest[:])
	if errors.Is(err, store.ErrNotFound) {
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

// close ends what the cache does by itself.
func (k *keys) close() { k.cache.StopAllGoroutines() }
