package embedded

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// ErrInUse is returned when another process, or another server of this one, runs
// on the same data directory.
var ErrInUse = errors.New("in use by another process")

// lockTick is how often a lock that is held by somebody else is tried again.
const lockTick = 10 * time.Millisecond

// ownerPatience is how long a data directory may still be in use when we want
// it: a process that was killed a moment ago gives up its locks a little later.
const ownerPatience = 2 * time.Second

// DataDirError tells why a data directory cannot be used.
type DataDirError struct {
	Dir string
	Err error
}

// Error names the directory and the reason in one sentence.
func (e *DataDirError) Error() string {
	return fmt.Sprintf("data directory %s cannot be used: %v", e.Dir, e.Err)
}

// Unwrap returns the reason, such as [ErrInUse] or [os.ErrPermission].
func (e *DataDirError) Unwrap() error { return e.Err }

// openDataDir makes the directory when it is missing and locks it until the
// returned file is unlocked. The path it returns is absolute and has no
// symbolic links, so that it can be compared with what the system tells of a
// process. The error is a *DataDirError.
func openDataDir(ctx context.Context, dir, lockName string) (string, *os.File, error) {
	if dir == "" {
		return "", nil, &DataDirError{Dir: `""`, Err: errors.New("no directory is set")}
	}
	//nolint:gosec // root's database server runs as another user, who must get through
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", nil, &DataDirError{Dir: dir, Err: err}
	}
	path, err := filepath.Abs(dir)
	if err != nil {
		return "", nil, &DataDirError{Dir: dir, Err: err}
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", nil, &DataDirError{Dir: dir, Err: err}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, ownerPatience, ErrInUse)
	defer cancel()
	lock, err := awaitLock(ctx, filepath.Join(path, lockName), func() {})
	if err != nil {
		return "", nil, &DataDirError{Dir: dir, Err: err}
	}
	return path, lock, nil
}

// tryLock locks the file at path, making it when it is missing. The lock belongs
// to the open file and is gone when the last process that inherited it has
// ended, whatever ended it: so unlike a written process number it is never
// stale. It returns ErrInUse when somebody else has it.
func tryLock(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return file, nil
	}
	_ = file.Close() // nothing was written
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, ErrInUse
	}
	return nil, fmt.Errorf("lock %s: %w", path, err)
}

// awaitLock is tryLock that waits, calling whileHeld at each turn.
func awaitLock(ctx context.Context, path string, whileHeld func()) (*os.File, error) {
	tick := time.NewTicker(lockTick)
	defer tick.Stop()
	for {
		lock, err := tryLock(path)
		if !errors.Is(err, ErrInUse) {
			return lock, err
		}
		whileHeld()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// unlock frees a lock that no child was meant to inherit. Closing alone would
// leave it a little longer to a child that is being started right now, which has
// a copy of all that is open until it runs its program.
func unlock(file *os.File) {
	_ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN) // closing does it too, if later
	_ = file.Close()                                   // nothing was written
}

// readSecret returns what the file at path holds.
func readSecret(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(text)), nil
}

// makeSecret writes a new secret to path, which only its owner may read. A file
// that is there already is kept.
func makeSecret(path string) (string, error) {
	if secret, err := readSecret(path); !errors.Is(err, os.ErrNotExist) {
		return secret, err
	}
	secret := rand.Text()
	// Renamed into place when it is whole: nobody reads half of it, whatever crashes.
	file, err := os.OpenFile(path+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return "", err
	}
	defer file.Close()
	if _, err := file.WriteString(secret + "\n"); err != nil {
		return "", err
	}
	if err := file.Sync(); err != nil {
		return "", err
	}
	return secret, os.Rename(path+".new", path)
}
