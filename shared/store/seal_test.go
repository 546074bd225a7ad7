package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/signature"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// withSecrets makes an endpoint that has all that is sealed, each with the mark.
func withSecrets(t testing.TB, s *store.Store, tenant event.ID, mark string) *store.Endpoint {
	t.Helper()
	return testkit.Endpoint(t, s, tenant, "https://user:"+mark+"@example.com/a@b?c=d@e", func(e *store.Endpoint) {
		e.Headers = secret.HideAll(map[string]string{"Authorization": "Bearer " + mark, "X-Team": "blue"})
	})
}

// requireSecrets expects that the store has all of them, for the owner and for whoever
// calls.
func requireSecrets(t testing.TB, s *store.Store, want *store.Endpoint, mark string) {
	t.Helper()
	ctx := context.Background()
	got, err := s.Endpoint(ctx, want.Tenant, store.Ref{ID: want.ID})
	require.NoError(t, err)
	require.Equal(t, "https://example.com/a@b?c=d@e", got.URL)
	require.Equal(t, "user:"+mark, got.Userinfo.Reveal())
	require.Equal(t, "Bearer "+mark, got.Headers["Authorization"].Reveal())
	key, err := s.CurrentKey(ctx, want.Tenant, want.ID)
	require.NoError(t, err)

	snap, err := s.Snapshot(ctx, want.Tenant)
	require.NoError(t, err)
	require.Len(t, snap.Targets, 1)
	require.Equal(t, "https://example.com/a@b?c=d@e", snap.Targets[0].URL)
	opened, err := snap.Targets[0].Sealed.Open()
	require.NoError(t, err)
	require.Equal(t, "https://user:"+mark+"@example.com/a@b?c=d@e", opened.URL.Reveal())
	require.Equal(t, map[string]string{"Authorization": "Bearer " + mark, "X-Team": "blue"}, secret.RevealAll(opened.Headers))
	require.Equal(t, key.Reveal(), opened.Keys[0].Reveal())
}

// stored is all that the database holds of endpoints, as text.
func stored(t testing.TB, url string) string {
	t.Helper()
	var text string
	err := testkit.SQL(t, url).QueryRow(t.Context(), `
		SELECT coalesce(string_agg(e::text, ' '), '') || coalesce((SELECT string_agg(k::text, ' ') FROM endpoint_secrets k), '') FROM endpoints e`).Scan(&text)
	require.NoError(t, err)
	return text
}

const mark = "hush-4711"

// TestSealed sees that nothing of a secret is in the database once there is a key, and
// that all of it comes back.
func TestSealed(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	s := testkit.Keyed(t, url, secret.NewKey("a"))
	e := withSecrets(t, s, testkit.Tenant(t, s), mark)
	require.NotContains(t, stored(t, url), mark)
	require.NotContains(t, stored(t, url), "whsec_")
	require.NotContains(t, stored(t, url), "blue")
	requireSecrets(t, s, e, mark)

	ref := store.Ref{ID: e.ID}
	_, err := s.ChangeEndpoint(t.Context(), e.Tenant, ref, func(e *store.Endpoint) error { e.Description = "changed"; return nil })
	require.NoError(t, err)
	require.NoError(t, s.RotateKey(t.Context(), e.Tenant, e.ID, signature.GenerateKey(), time.Hour))
	require.NoError(t, s.ReplaceKey(t.Context(), e.Tenant, e.ID, signature.GenerateEd25519Key()))
	requireSecrets(t, s, e, mark)
	require.NotContains(t, stored(t, url), mark)
	require.NotContains(t, stored(t, url), "whs")

	_, err = s.ChangeEndpoint(t.Context(), e.Tenant, ref, func(e *store.Endpoint) error {
		e.Confidential = store.Confidential{}
		return nil
	})
	require.NoError(t, err)
	bare, err := s.Endpoint(t.Context(), e.Tenant, ref)
	require.NoError(t, err)
	require.True(t, bare.Userinfo.IsZero())
	require.Empty(t, bare.Headers)
}

// TestSealedElsewhereDoesNotOpen moves what is sealed to another endpoint, as somebody
// could who may write to the database.
func TestSealedElsewhereDoesNotOpen(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	s := testkit.Keyed(t, url, secret.NewKey("a"))
	from, to := withSecrets(t, s, testkit.Tenant(t, s), mark), testkit.Endpoint(t, s, testkit.Tenant(t, s), "https://example.com/mine")
	for _, column := range []string{"userinfo", "sealed_headers"} {
		_, err := testkit.SQL(t, url).Exec(t.Context(), fmt.Sprintf(
			`UPDATE endpoints SET %[1]s = (SELECT %[1]s FROM endpoints WHERE id = $1) WHERE id = $2`, column), [16]byte(from.ID), [16]byte(to.ID))
		require.NoError(t, err)
		_, err = s.Endpoint(t.Context(), to.Tenant, store.Ref{ID: to.ID})
		require.ErrorIs(t, err, secret.ErrTampered)
		_, err = testkit.SQL(t, url).Exec(t.Context(), fmt.Sprintf(`UPDATE endpoints SET %s = NULL WHERE id = $1`, column), [16]byte(to.ID))
		require.NoError(t, err)
	}
	_, err := testkit.SQL(t, url).Exec(t.Context(), `
		UPDATE endpoint_secrets SET secret = (SELECT secret FROM endpoint_secrets WHERE endpoint_id = $1) WHERE endpoint_id = $2`,
		[16]byte(from.ID), [16]byte(to.ID))
	require.NoError(t, err)
	_, err = s.CurrentKey(t.Context(), to.Tenant, to.ID)
	require.ErrorIs(t, err, secret.ErrTampered)
	require.NotContains(t, err.Error(), mark)
	requireSecrets(t, s, from, mark)
}

// TestMissingKeysAreNamed sees that who lacks a key is told so before anything else,
// and who needs none is not asked.
func TestMissingKeysAreNamed(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	a := secret.NewKey("a")
	s := testkit.Keyed(t, url, a)
	require.NoError(t, s.Health(t.Context()), "nothing is sealed yet")
	withSecrets(t, s, testkit.Tenant(t, s), mark)
	require.NoError(t, s.Verify(t.Context()))
	require.NoError(t, testkit.Keyed(t, url, secret.NewKey("b"), a).Health(t.Context()))
	require.NoError(t, testkit.Open(t, url).Health(t.Context()), "it opens nothing")

	for name, without := range map[string]*store.Store{"other": testkit.Keyed(t, url, secret.NewKey("b")), "none": testkit.Keyed(t, url)} {
		fault := new(store.KeyError)
		require.ErrorAs(t, without.Health(t.Context()), &fault, name)
		require.Equal(t, &store.KeyError{ID: "a"}, fault, name)
		require.ErrorAs(t, without.Verify(t.Context()), &fault, name)
	}
	fault := new(store.KeyError)
	require.ErrorAs(t, testkit.Keyed(t, url, secret.NewKey("a")).Verify(t.Context()), &fault)
	require.Equal(t, &store.KeyError{ID: "a", Other: true}, fault)
}

// TestRekey goes from plain to one key and on to another. An endpoint that was deleted
// has nothing any more.
func TestRekey(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	a, b := secret.NewKey("a"), secret.NewKey("b")
	plain := testkit.Keyed(t, url)
	e := withSecrets(t, plain, testkit.Tenant(t, plain), mark)
	gone := withSecrets(t, plain, testkit.Tenant(t, plain), mark)
	require.NoError(t, plain.DeleteEndpoint(t.Context(), gone.Tenant, store.Ref{ID: gone.ID}))
	require.Contains(t, stored(t, url), mark, "as programs without keys read it")
	requireSecrets(t, plain, e, mark)
	require.ErrorIs(t, plain.Rekey(t.Context(), nil), store.ErrNoKey)

	first := testkit.Keyed(t, url, a)
	requireSecrets(t, first, e, mark)
	requireRekey(t, first, 3)
	require.NotContains(t, stored(t, url), mark)
	require.NotContains(t, stored(t, url), "whsec_")
	require.NotContains(t, stored(t, url), "plain:")
	requireSecrets(t, first, e, mark)
	requireRekey(t, first, 0)

	both := testkit.Keyed(t, url, b, a)
	requireRekey(t, both, 3)
	counts, err := both.SecretsByKey(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]int{"b": 3}, counts)
	require.Error(t, testkit.Keyed(t, url, b).Verify(t.Context()), "nobody has said yet that it is not needed")
	retired, err := both.RetireKeys(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"a"}, retired)
	last := testkit.Keyed(t, url, b)
	require.NoError(t, last.Verify(t.Context()))
	requireSecrets(t, last, e, mark)
}

func requireRekey(t *testing.T, s *store.Store, want int) {
	t.Helper()
	sealed := 0
	require.NoError(t, s.Rekey(t.Context(), func(r store.Rekeyed, err error) {
		require.NoError(t, err)
		require.Zero(t, r.Missed)
		sealed += r.Sealed
	}))
	require.Equal(t, want, sealed)
}

// TestRekeySaysWhatItCannotOpen sees that one secret that is lost does not keep the
// others from being sealed, and that its key is not forgotten.
func TestRekeySaysWhatItCannotOpen(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	a, b := secret.NewKey("a"), secret.NewKey("b")
	s := testkit.Keyed(t, url, a)
	whole, lost := withSecrets(t, s, testkit.Tenant(t, s), mark), withSecrets(t, s, testkit.Tenant(t, s), mark)
	_, err := testkit.SQL(t, url).Exec(t.Context(), `UPDATE endpoints SET userinfo = overlay(userinfo placing 'AAAA' from 20) WHERE id = $1`, [16]byte(lost.ID))
	require.NoError(t, err)
	both := testkit.Keyed(t, url, b, a)
	var faults []error
	var missed int
	require.NoError(t, both.Rekey(t.Context(), func(r store.Rekeyed, err error) {
		missed += r.Missed
		if err != nil {
			faults = append(faults, err)
		}
	}))
	require.Equal(t, 1, missed)
	require.Len(t, faults, 1)
	require.ErrorContains(t, faults[0], event.Endpoint.Format(lost.ID))
	retired, err := both.RetireKeys(t.Context())
	require.NoError(t, err)
	require.Empty(t, retired)
	requireSecrets(t, both, whole, mark)
}

// TestRetireWaitsForWhoSeals has somebody seal with a key while it is about to be
// forgotten.
func TestRetireWaitsForWhoSeals(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	a, b := secret.NewKey("a"), secret.NewKey("b")
	old, both := testkit.Keyed(t, url, a), testkit.Keyed(t, url, b, a)
	withSecrets(t, old, testkit.Tenant(t, old), mark)
	requireRekey(t, both, 3)
	tenant := testkit.Tenant(t, old)
	retired := make(chan []string, 1)
	require.NoError(t, old.Within(t.Context(), func(s *store.Store) error {
		withSecrets(t, s, tenant, mark)
		go func() {
			ids, err := both.RetireKeys(context.WithoutCancel(t.Context()))
			if err != nil {
				t.Error(err)
			}
			retired <- ids
		}()
		testkit.Eventually(t, func() bool { n, err := both.Waiting(t.Context()); return err == nil && n > 0 }, "it waits")
		return nil
	}))
	require.Empty(t, <-retired, "it is used again")
}

// TestKeyIsUsedAgain sees that a key that was forgotten is known again as soon as
// somebody seals with it.
func TestKeyIsUsedAgain(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	a, b := secret.NewKey("a"), secret.NewKey("b")
	old, both := testkit.Keyed(t, url, a), testkit.Keyed(t, url, b, a)
	withSecrets(t, old, testkit.Tenant(t, old), mark)
	requireRekey(t, both, 3)
	retired, err := both.RetireKeys(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"a"}, retired)
	withSecrets(t, old, testkit.Tenant(t, old), mark)
	fault := new(store.KeyError)
	require.ErrorAs(t, testkit.Keyed(t, url, b).Verify(t.Context()), &fault)
	require.Equal(t, "a", fault.ID)
}
