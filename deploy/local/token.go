package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// secrets sets what was not set of the operator's token and the secret that
// signs others: made at the first start and kept in the data folder.
func (l *local) secrets() error {
	if err := l.keep(&l.ingest.Token, "token", "pr_"); err != nil {
		return err
	}
	return l.keep(&l.ingest.JWTSecret, "jwt-secret", "")
}

// keep sets a text that is kept in a file of the data folder, if it is empty.
func (l *local) keep(text *string, name, prefix string) error {
	if *text != "" {
		return nil
	}
	if err := os.MkdirAll(l.dataDir, 0o755); err != nil { //nolint:gosec // PostgreSQL runs as another user inside
		return fmt.Errorf("make data folder: %w (set POSTRIDER_DATA_DIR)", err)
	}
	path := filepath.Join(l.dataDir, name)
	kept, err := os.ReadFile(path) //nolint:gosec // the operator's own folder
	if err == nil {
		*text = strings.TrimSpace(string(kept))
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read %s: %w (set POSTRIDER_DATA_DIR)", name, err)
	}
	*text = prefix + rand.Text()
	if err := os.WriteFile(path, []byte(*text+"\n"), 0o600); err != nil { //nolint:gosec // the operator's own folder
		return fmt.Errorf("keep %s: %w (set POSTRIDER_DATA_DIR)", name, err)
	}
	return nil
}
