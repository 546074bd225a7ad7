package ingest

import (
	"context"
	"fmt"

	"github.com/maypok86/otter/v2"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

// remembered is how many uids are kept; each costs some 200 bytes.
const remembered = 100_000

// names implements api.Names: most producers name their application by its uid,
// which would cost a query for every event.
type names struct {
	store *store.Store
	cache *otter.Cache[string, event.ID]
}

func newNames(s *store.Store) (*names, error) {
	cache, err := otter.New(&otter.Options[string, event.ID]{MaximumSize: remembered})
	if err != nil {
		return nil, fmt.Errorf("make cache of uids: %w", err)
	}
	return &names{store: s, cache: cache}, nil
}

// TenantByUID may be wrong; whoever acts on it finds out and calls Forget.
func (n *names) TenantByUID(ctx context.Context, uid string) (event.ID, error) {
	if id, ok := n.cache.GetIfPresent(uid); ok {
		return id, nil
	}
	id, err := n.store.TenantByUID(ctx, uid)
	if err != nil {
		return event.ID{}, err
	}
	n.cache.Set(uid, id)
	return id, nil
}

// Forget has the uid looked up next time.
func (n *names) Forget(uid string) { n.cache.Invalidate(uid) }
