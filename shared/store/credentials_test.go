package store_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

func TestCredentials(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	s := testkit.Keyed(t, url, secret.NewKey("k"))
	tenant := testkit.Tenant(t, s)
	e := testkit.Endpoint(t, s, tenant, "https://example.com/")
	none, err := s.Credentials(t.Context(), e)
	require.NoError(t, err)
	require.Equal(t, &store.Credentials{}, none)
	snap, err := s.Snapshot(t.Context(), tenant)
	require.NoError(t, err)
	opened, err := snap.Targets[0].Sealed.Open()
	require.NoError(t, err)
	require.Nil(t, opened.Credentials)
	version := snap.Version

	whole := store.Credentials{
		Identity: &store.Identity{Certificates: "chain", Key: secret.New("canary key")},
		ServerCA: "ca",
		OAuth: &store.OAuth{
			TokenURL: "https://example.com/token", ClientID: "id", ClientSecret: secret.New("canary"), AuthMethod: store.OAuthBasic,
			Scopes: []string{"a", "b"}, Params: map[string]string{"audience": "x"},
		},
	}
	parts := []store.Credentials{
		{Identity: whole.Identity}, {ServerCA: "ca"}, {OAuth: whole.OAuth}, whole, {},
	}
	for _, want := range parts {
		require.NoError(t, s.ChangeCredentials(t.Context(), tenant, store.Ref{ID: e.ID}, func(of *store.Endpoint, c *store.Credentials) error {
			require.Equal(t, e.URL, of.URL)
			*c = want
			return nil
		}))
		got, err := s.Credentials(t.Context(), e)
		require.NoError(t, err)
		require.True(t, want.Equal(got))
		require.NotContains(t, testkit.Value[string](t, url, `SELECT coalesce(string_agg(c::text, ''), '') FROM endpoint_credentials c`), "canary")
		snap, err := s.Snapshot(t.Context(), tenant)
		require.NoError(t, err)
		require.Greater(t, snap.Version, version, "who remembers the endpoint is told")
		version = snap.Version
		opened, err := snap.Targets[0].Sealed.Open()
		require.NoError(t, err)
		if want.Equal(&store.Credentials{}) {
			require.Nil(t, opened.Credentials)
			continue
		}
		require.True(t, want.Equal(opened.Credentials))
	}

	refused := errors.New("no")
	err = s.ChangeCredentials(t.Context(), tenant, store.Ref{ID: e.ID}, func(_ *store.Endpoint, c *store.Credentials) error {
		c.ServerCA = "another"
		return refused
	})
	require.ErrorIs(t, err, refused)
	got, err := s.Credentials(t.Context(), e)
	require.NoError(t, err)
	require.Empty(t, got.ServerCA)

	keep := func(*store.Endpoint, *store.Credentials) error { return nil }
	other := testkit.Tenant(t, s)
	require.ErrorIs(t, s.ChangeCredentials(t.Context(), other, store.Ref{ID: e.ID}, keep), store.ErrNotFound)
}

// TestCredentialsCloseTheBreaker: with others the endpoint may be well.
func TestCredentialsCloseTheBreaker(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	tenant := testkit.Tenant(t, s)
	e := testkit.Endpoint(t, s, tenant, "https://example.com/")
	require.NoError(t, s.OpenBreaker(t.Context(), tenant, e.ID, e.ID.Time(), e.ID.Time()))
	require.NoError(t, s.ChangeCredentials(t.Context(), tenant, store.Ref{ID: e.ID}, func(_ *store.Endpoint, c *store.Credentials) error {
		c.ServerCA = "ca"
		return nil
	}))
	after, err := s.Endpoint(t.Context(), tenant, store.Ref{ID: e.ID})
	require.NoError(t, err)
	require.Nil(t, after.Breaker)
}

func TestCredentialsDiffer(t *testing.T) {
	t.Parallel()
	with := func(change func(*store.Credentials)) *store.Credentials {
		c := &store.Credentials{
			Identity: &store.Identity{Certificates: "c", Key: secret.New("k")}, ServerCA: "ca",
			OAuth: &store.OAuth{TokenURL: "u", ClientID: "i", ClientSecret: secret.New("s"), AuthMethod: "m", Scopes: []string{"s"}, Params: map[string]string{"a": "b"}},
		}
		change(c)
		return c
	}
	same := with(func(*store.Credentials) {})
	require.True(t, same.Equal(with(func(*store.Credentials) {})))
	require.False(t, same.Equal(nil))
	require.True(t, (*store.Credentials)(nil).Equal(nil))
	for i, change := range []func(*store.Credentials){
		func(c *store.Credentials) { c.Identity = nil },
		func(c *store.Credentials) { c.Identity.Certificates = "x" },
		func(c *store.Credentials) { c.Identity.Key = secret.New("x") },
		func(c *store.Credentials) { c.ServerCA = "x" },
		func(c *store.Credentials) { c.OAuth = nil },
		func(c *store.Credentials) { c.OAuth.TokenURL = "x" },
		func(c *store.Credentials) { c.OAuth.ClientID = "x" },
		func(c *store.Credentials) { c.OAuth.ClientSecret = secret.New("x") },
		func(c *store.Credentials) { c.OAuth.AuthMethod = "x" },
		func(c *store.Credentials) { c.OAuth.Scopes = nil },
		func(c *store.Credentials) { c.OAuth.Params = nil },
	} {
		require.False(t, same.Equal(with(change)), i)
	}
}
