package embedded

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// oldestMajor is the oldest PostgreSQL that its makers still mended when this
// was written.
const oldestMajor = 14

// NoBinariesError tells that this machine has no PostgreSQL server that can be
// started. Its text is one sentence for the person at the terminal.
type NoBinariesError struct {
	// Major is the version that the data directory needs, 0 when any would do.
	Major int
}

// Error says what to install.
func (e *NoBinariesError) Error() string {
	if e.Major != 0 {
		return fmt.Sprintf("the data directory was made by PostgreSQL %d, which is not installed: "+
			"install that version or choose an empty data directory", e.Major)
	}
	return fmt.Sprintf("no PostgreSQL server (version %d or newer) is installed on this machine: "+
		"install one (`apt-get install postgresql`, `brew install postgresql`) "+
		"or set POSTRIDER_DATABASE_URL to one that runs elsewhere", oldestMajor)
}

// binaries is one installed PostgreSQL server.
type binaries struct {
	dir   string // holds postgres and initdb
	major int    // 15 for PostgreSQL 15.18
}

// findBinaries returns the first installation that user may run and whose major
// version is the given one (0: any that is not too old). Without dirs it looks
// in the usual places.
func findBinaries(ctx context.Context, dirs []string, user account, major int) (binaries, error) {
	places := slices.Values(dirs)
	if dirs == nil {
		places = usualPlaces(ctx)
	}
	for dir := range places {
		found, ok := inspect(ctx, dir, user)
		if ok && (found.major == major || major == 0 && found.major >= oldestMajor) {
			return found, nil
		}
	}
	if ctx.Err() != nil { // asking a program for its version may have failed for that
		return binaries{}, context.Cause(ctx)
	}
	return binaries{}, &NoBinariesError{Major: major}
}

// inspect tells whether dir holds a whole server. What is merely linked into a
// folder of the PATH is looked up where it really is, because initdb, postgres
// and their libraries must come from one installation.
func inspect(ctx context.Context, dir string, user account) (binaries, bool) {
	postgres, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres"))
	if err != nil {
		return binaries{}, false
	}
	dir = filepath.Dir(postgres)
	if _, err := exec.LookPath(filepath.Join(dir, "initdb")); err != nil || user.closedAt(dir) != "" {
		return binaries{}, false
	}
	out, err := exec.CommandContext(ctx, postgres, "--version").Output()
	if err != nil {
		return binaries{}, false
	}
	// postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)
	_, version, _ := strings.Cut(string(out), "(PostgreSQL) ")
	return binaries{dir: dir, major: leadingNumber(version)}, true
}

// usualPlaces are the folders where a server may be, best first. Each is worked
// out only when those before it were in vain.
func usualPlaces(ctx context.Context) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, program := range []string{"postgres", "pg_ctl", "initdb"} {
			if path, err := exec.LookPath(program); err == nil {
				if path, err = filepath.EvalSymlinks(path); err == nil && !yield(filepath.Dir(path)) {
					return
				}
			}
		}
		// pg_config comes with the client library too: it may name a folder without a server.
		if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
			if !yield(strings.TrimSpace(string(out))) {
				return
			}
		}
		for _, pattern := range []string{
			"/usr/lib/postgresql/*/bin", // Debian, Ubuntu
			"/usr/pgsql-*/bin",          // Red Hat, from postgresql.org
			"/opt/homebrew/opt/postgresql@*/bin",
			"/usr/local/opt/postgresql@*/bin",
			"/Applications/Postgres.app/Contents/Versions/*/bin",
		} {
			for _, dir := range newestFirst(pattern) {
				if !yield(dir) {
					return
				}
			}
		}
	}
}

// newestFirst returns the folders that match, that of the highest version first.
func newestFirst(pattern string) []string {
	dirs, _ := filepath.Glob(pattern) // fails for a malformed pattern only
	number := regexp.MustCompile(`\d+(\.\d+)?`)
	version := func(dir string) float64 {
		all := number.FindAllString(dir, -1) // the last is the version's: another may be in a folder above
		if len(all) == 0 {
			return 0
		}
		v, _ := strconv.ParseFloat(all[len(all)-1], 64) // what matched is a number
		return v
	}
	slices.SortFunc(dirs, func(a, b string) int { return cmp.Compare(version(b), version(a)) })
	return dirs
}

// clusterMajor returns the version of the server that made the cluster in dir,
// 0 when there is no cluster yet.
func clusterMajor(dir string) (int, error) {
	text, err := os.ReadFile(filepath.Join(dir, "PG_VERSION"))
	if os.IsNotExist(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read cluster version: %w", err)
	}
	return leadingNumber(string(text)), nil
}

// leadingNumber returns 15 for "15.18 (Debian)", 0 when s starts with no digit.
func leadingNumber(s string) int {
	end := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(s)
	}
	n, _ := strconv.Atoi(s[:end]) // no digits: 0, which is no version
	return n
}
