package store

import (
	"context"
	"fmt"

	"github.com/postrider/postrider/shared/event"
)

// Wanted reports whether an event of this type on these channels would be
// delivered to any endpoint of the tenant. It asks what fanout asks of each
// endpoint.
func (s *Store) Wanted(ctx context.Context, tenant event.ID, eventType string, channels []string) (bool, error) {
	var wanted bool
	err := s.db.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM endpoints WHERE tenant_id = $1 AND deleted_at IS NULL AND NOT disabled
			AND (event_types IS NULL OR $2 = ANY(event_types)) AND (channels IS NULL OR channels && $3::text[]))`,
		tenant, eventType, channels).Scan(&wanted)
	if err != nil {
		return false, fmt.Errorf("look for endpoints: %w", err)
	}
	return wanted, nil
}
