package embedded

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestNoBinaries(t *testing.T) {
	t.Parallel()
	_, err := StartPostgres(testContext(t), PostgresOptions{DataDir: dataDir(t), BinDirs: []string{t.TempDir()}})
	var missing *NoBinariesError
	if !errors.As(err, &missing) || !strings.Contains(err.Error(), "apt-get install postgresql") {
		t.Errorf("got %v", err)
	}
}

// Not parallel: a process that another test starts could hold a program of this
// one open for writing, and then the program cannot be run.
func TestFindBinaries(t *testing.T) {
	var (
		half    = installation(t, 17, "postgres")
		ancient = installation(t, 9, "postgres", "initdb")
		older   = installation(t, 15, "postgres", "initdb")
		newer   = installation(t, 18, "postgres", "initdb")
		linked  = filepath.Join(t.TempDir(), "bin")
	)
	if err := os.Mkdir(linked, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(older, "postgres"), filepath.Join(linked, "postgres")); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		dirs  []string
		major int
		want  binaries // zero: none
	}{
		{"first wins", []string{newer, older}, 0, binaries{newer, 18}},
		{"version of the data", []string{newer, older}, 15, binaries{older, 15}},
		{"version of the data, even if old", []string{newer, ancient}, 9, binaries{ancient, 9}},
		{"not installed", []string{newer, older}, 16, binaries{}},
		{"too old, or not whole", []string{ancient, half, "/nowhere"}, 0, binaries{}},
		{"linked from elsewhere", []string{linked}, 0, binaries{older, 15}},
		{"nowhere to look", []string{}, 0, binaries{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := findBinaries(testContext(t), test.dirs, account{}, test.major)
			var missing *NoBinariesError
			if test.want.dir == "" && !errors.As(err, &missing) || test.want.dir != "" && err != nil {
				t.Fatalf("error %v", err)
			}
			if got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// installation makes a folder with programs that tell a version.
func installation(t *testing.T, major int, programs ...string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, program := range programs {
		script := "#!/bin/sh\necho '" + program + " (PostgreSQL) " + strconv.Itoa(major) + ".4 (Test 1)'\n"
		if err := os.WriteFile(filepath.Join(dir, program), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestNewestFirst(t *testing.T) {
	t.Parallel()
	var dirs []string
	root := t.TempDir() // has a number in its name, as a folder above may
	for _, version := range []string{"9.6", "15", "10"} {
		dir := filepath.Join(root, "postgresql", version, "bin")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, dir)
	}
	want := []string{dirs[1], dirs[2], dirs[0]}
	if got := newestFirst(filepath.Join(root, "postgresql", "*", "bin")); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}
