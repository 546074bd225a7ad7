package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// filesIn reads all files of a folder.
func filesIn(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		all[filepath.ToSlash(name)] = string(text)
		return err
	}))
	return all
}

func TestSecretsAreMadeOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	args := []string{"secrets", "-dir", dir, "-nats", "a:4222,b:4222", "-database", "db:5432/postrider"}
	require.Contains(t, must(t, nil, args...), "21 secrets made")
	first := filesIn(t, dir)
	require.Contains(t, must(t, nil, args...), "0 secrets made")
	require.Equal(t, first, filesIn(t, dir))

	password := strings.TrimSpace(first["made/nats-fanout"])
	require.Regexp(t, `^[A-Z2-7]{26}$`, password)
	require.Equal(t, "nats://fanout:"+password+"@a:4222,nats://fanout:"+password+"@b:4222\n", first["fanout/nats-url"])
	require.Contains(t, first["nats/passwords.conf"], "POSTRIDER_NATS_FANOUT: '"+password+"'\n")
	require.Regexp(t, `^postgres://postrider_api:[A-Z2-7]{26}@db:5432/postrider\n$`, first["ingest/api-database-url"])
	require.Equal(t, first["ingest/secret-keys"], first["deliver/secret-keys"])
	require.NotContains(t, first, "fanout/secret-keys", "each has what it needs, and no more")

	// Another address, and a password of the operator's own, go where they are needed.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "made", "nats-fanout"), []byte("mine"), 0o600))
	args[4] = "c:4222"
	must(t, nil, args...)
	second := filesIn(t, dir)
	require.Equal(t, "nats://fanout:mine@c:4222\n", second["fanout/nats-url"])
	require.Contains(t, second["nats/passwords.conf"], "POSTRIDER_NATS_FANOUT: 'mine'\n")
	require.Equal(t, first["ingest/jwt-secret"], second["ingest/jwt-secret"])

	require.NoError(t, os.WriteFile(filepath.Join(dir, "made", "nats-fanout"), []byte("it's"), 0o600))
	_, err := do(t, nil, args...)
	require.ErrorContains(t, err, "nats-fanout: must be letters, digits")
	require.NotContains(t, err.Error(), "it's")
	_, err = do(t, nil, "secrets")
	require.ErrorContains(t, err, "dir is not set")
}

// TestSecretsMadeByTwo starts it twice at the same time: both give out the same.
func TestSecretsMadeByTwo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			_, err := do(t, nil, "secrets", "-dir", dir)
			require.NoError(t, err)
		})
	}
	both.Wait()
	all := filesIn(t, dir)
	passwords := regexp.MustCompile(`POSTRIDER_NATS_(\w+): '(\w+)'`).FindAllStringSubmatch(all["nats/passwords.conf"], -1)
	require.Len(t, passwords, 9)
	for _, p := range passwords {
		require.Equal(t, p[2]+"\n", all["made/nats-"+strings.ToLower(p[1])])
	}
	for name := range all {
		require.NotContains(t, name, ".new-")
	}
}

func TestSecretsAreNotForAll(t *testing.T) {
	t.Parallel()
	for readable, want := range map[string]fs.FileMode{"false": 0o600, "true": 0o644} {
		dir := filepath.Join(t.TempDir(), "secrets")
		must(t, nil, "secrets", "-dir", dir, "-readable="+readable)
		info, err := os.Stat(filepath.Join(dir, "ingest", "jwt-secret"))
		require.NoError(t, err)
		require.Equal(t, want, info.Mode().Perm())
	}
}
