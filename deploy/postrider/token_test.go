package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/testkit"
	"github.com/postrider/postrider/shared/token"
)

const signer = "the secret of the tests"

// made runs the command and returns what it says.
func made(t *testing.T, env map[string]string, args ...string) (string, error) {
	t.Helper()
	out, err := do(t, env, append([]string{"token"}, args...)...)
	return strings.TrimSuffix(out, "\n"), err
}

func TestTokenIsAKey(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	db := testkit.Open(t, url)
	for _, test := range []struct {
		args   []string
		name   string
		scopes []string
		life   time.Duration
	}{
		{nil, "made by token", []string{"admin"}, 0},
		{[]string{"-name=billing", "-scopes=read,publish,read", "-expires=24h"}, "billing", []string{"publish", "read"}, 24 * time.Hour},
	} {
		text, err := made(t, map[string]string{"POSTRIDER_DATABASE_URL": url}, test.args...)
		require.NoError(t, err)
		key, err := token.ParseKey(text)
		require.NoError(t, err)
		stored, err := db.UseAPIKey(t.Context(), key.ID, key.Digest[:])
		require.NoError(t, err)
		require.Equal(t, test.name, stored.Name)
		require.Equal(t, test.scopes, stored.Scopes)
		if test.life == 0 {
			require.True(t, stored.ExpiresAt.IsZero())
		} else {
			require.WithinDuration(t, time.Now().Add(test.life), stored.ExpiresAt, time.Minute)
		}
	}
}

func TestTokenIsSigned(t *testing.T) {
	t.Parallel()
	text, err := made(t, map[string]string{"POSTRIDER_JWT_SECRET": signer}, "-jwt", "-expires=1h")
	require.NoError(t, err)
	subject, err := token.NewSecret(signer).Check(text)
	require.NoError(t, err)
	require.True(t, subject.Operator)
}

func TestTokenRefuses(t *testing.T) {
	t.Parallel()
	empty := testkit.EmptyDatabase(t)
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"no database":    {nil, "set POSTRIDER_DATABASE_URL"},
		"other database": {[]string{"-database-url=postgres://nobody@127.0.0.1:1/x"}, "is PostgreSQL running there?"},
		"empty database": {[]string{"-database-url=" + empty}, "bootstrap"},
		"no secret":      {[]string{"-jwt"}, "set POSTRIDER_JWT_SECRET"},
		"weak secret":    {[]string{"-jwt", "-jwt-secret=x"}, "at least 16 bytes"},
		"scope":          {[]string{"-scopes=read,root"}, `scope "root" is not one of admin, manage, publish, read`},
		"no scope":       {[]string{"-scopes="}, `scope ""`},
		"name":           {[]string{"-name="}, "name must be"},
		"expires":        {[]string{"-expires=-1h"}, "must not be below 0"},
	} {
		text, err := made(t, nil, test.args...)
		require.ErrorContains(t, err, test.want, name)
		require.Empty(t, text, name)
	}
}
