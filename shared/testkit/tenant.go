package testkit

import (
	"testing"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/signature"
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

// Endpoint makes an endpoint of the tenant that wants everything, or what
// changes make of that. It has a symmetric key.
func Endpoint(t testing.TB, s *store.Store, tenant event.ID, url string, changes ...func(*store.Endpoint)) *store.Endpoint {
	t.Helper()
	e := &store.Endpoint{ID: event.NewID(), Tenant: tenant}
	e.SetURL(url)
	for _, change := range changes {
		change(e)
	}
	if err := s.CreateEndpoint(t.Context(), e, signature.GenerateKey()); err != nil {
		t.Fatal(err)
	}
	return e
}
