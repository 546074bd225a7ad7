package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Temporary builds the programs of this source tree and starts them in a folder
// of its own, made in parent ("" is the system's for temporary files). Stop
// removes the folder, unless something went wrong: its logs may say what.
func Temporary(ctx context.Context, parent string, o Options) (*Stack, error) {
	dir, err := os.MkdirTemp(parent, ".stack-")
	if err != nil {
		return nil, fmt.Errorf("make folder of the stack: %w", err)
	}
	// PostgreSQL doesn't run as root, but as somebody who must get to its data.
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // it can be passed through, not listed
		return nil, errors.Join(fmt.Errorf("open folder of the stack: %w", err), os.RemoveAll(dir))
	}
	s, err := buildAndStart(ctx, dir, o)
	if err != nil {
		return nil, fmt.Errorf("%w (logs are in %s)", err, dir)
	}
	s.temporary = true
	return s, nil
}

func buildAndStart(ctx context.Context, dir string, o Options) (*Stack, error) {
	var err error
	if o.Dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("find folder of the stack: %w", err)
	}
	if o.Bin == "" {
		o.Bin = filepath.Join(o.Dir, "bin")
		if err := os.Mkdir(o.Bin, 0o700); err != nil {
			return nil, fmt.Errorf("make folder for programs: %w", err)
		}
		if err := Build(ctx, o.Bin); err != nil {
			return nil, err
		}
	}
	return Start(ctx, o)
}
