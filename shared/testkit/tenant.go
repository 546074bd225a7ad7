package testkit

import (
	"testing"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

// Tenant makes a tenant without endpoints.
func Tenant(t testing.TB, s *store.Store) event.ID {
	t.Helper()
	tenant := store.Tenant{ID: event.NewID(), Name: t.Name()}
	if err := s.CreateTenant(t.Context(), &tenant); err != nil {
		t.Fatal(err)
	}
	return tenant.ID
}
