package store_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/signature"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

func TestWithin(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant, e := event.NewID(), store.Endpoint{ID: event.NewID(), URL: "https://example.com"}
	e.Tenant = tenant
	attempt := func(outcome error) error {
		return s.Within(t.Context(), func(s *store.Store) error {
			if err := s.CreateTenant(t.Context(), &store.Tenant{ID: tenant, Name: "all or nothing"}); err != nil {
				return err
			}
			_, err := s.Endpoint(t.Context(), tenant, store.Ref{ID: e.ID})
			require.ErrorIs(t, err, store.ErrNotFound, "which ends nothing")
			if err := s.CreateEndpoint(t.Context(), &e, signature.GenerateKey()); err != nil {
				return err
			}
			_, err = s.Tenant(t.Context(), store.Ref{ID: tenant})
			require.NoError(t, err, "it sees what it did")
			return outcome
		})
	}
	changed := errors.New("changed its mind")
	require.ErrorIs(t, attempt(changed), changed)
	_, err := s.Tenant(t.Context(), store.Ref{ID: tenant})
	require.ErrorIs(t, err, store.ErrNotFound)

	require.NoError(t, attempt(nil))
	_, err = s.Endpoint(t.Context(), tenant, store.Ref{ID: e.ID})
	require.NoError(t, err)
}
