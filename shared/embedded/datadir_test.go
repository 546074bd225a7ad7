package embedded

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestDataDirNotWritable(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	closed := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(closed, 0o500); err != nil {
		t.Fatal(err)
	}
	dirs := map[string]string{
		"not set":           "",
		"below a file":      filepath.Join(file, "data"),
		"not a file system": "/proc/data",
		"read only":         closed,
	}
	if os.Geteuid() == 0 {
		delete(dirs, "read only") // not for root
	}
	for name, dir := range dirs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var refused *DataDirError
			if _, err := StartPostgres(testContext(t), PostgresOptions{DataDir: dir}); !errors.As(err, &refused) {
				t.Errorf("PostgreSQL: got %v", err)
			}
			if _, err := StartNATS(NATSOptions{DataDir: dir}); !errors.As(err, &refused) {
				t.Errorf("NATS: got %v", err)
			}
		})
	}
}

func TestSecretIsKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret")
	first, err := makeSecret(path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := makeSecret(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(first) < 20 || first != second {
		t.Errorf("got %q, then %q", first, second)
	}
}
