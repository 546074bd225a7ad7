package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// unfinished ends the name of a file that is being written. One that a crash
// left behind is written anew under the same name.
const unfinished = ".unfinished"

// files is a place in the file system.
type files struct{ root string }

// Put implements Place. The file is on disk, and so is its name, when it returns.
func (f *files) Put(ctx context.Context, name string, data []byte) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	path := f.path(name)
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make folder of the archive: %w", err)
	}
	if err := writeSynced(path+unfinished, data); err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	if err := os.Rename(path+unfinished, path); err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	for { // those that were made just now have names, too
		if err := syncFolder(dir); err != nil {
			return fmt.Errorf("write archive: %w", err)
		}
		if dir == f.root {
			return nil
		}
		dir = filepath.Dir(dir)
	}
}

// Get implements Place.
func (f *files) Get(_ context.Context, name string) (io.ReadCloser, error) {
	file, err := os.Open(f.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", name, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read archive: %w", err)
	}
	return file, nil
}

// List implements Place.
func (f *files) List(_ context.Context, folder string) ([]string, error) {
	entries, err := os.ReadDir(f.path(folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list archive: %w", err)
	}
	var names []string
	for _, entry := range entries { // in order
		if !strings.HasSuffix(entry.Name(), unfinished) {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

// Close implements Place.
func (*files) Close() {}

func (f *files) path(name string) string { return filepath.Join(f.root, filepath.FromSlash(name)) }

func writeSynced(path string, data []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err1 := file.Write(data)
	err2 := file.Sync()
	return errors.Join(err1, err2, file.Close())
}

func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
