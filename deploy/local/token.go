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

// token is the operator's token: the one that was set, or one made at the first
// start and kept in the data folder.
func (l *local) token() (string, error) {
	if l.ingest.Token != "" {
		return l.ingest.Token, nil
	}
	if err := os.MkdirAll(l.dataDir, 0o755); err != nil { //nolint:gosec // PostgreSQL runs as another user inside
		return "", fmt.Errorf("make data folder: %w (set POSTRIDER_DATA_DIR)", err)
	}
	path := filepath.Join(l.dataDir, "token")
	kept, err := os.ReadFile(path) //nolint:gosec // the operator's own folder
	if err == nil {
		return strings.TrimSpace(string(kept)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read token: %w (set POSTRIDER_DATA_DIR)", err)
	}
	made := "pr_" + rand.Text()
	if err := os.WriteFile(path, []byte(made+"\n"), 0o600); err != nil { //nolint:gosec // the operator's own folder
		return "", fmt.Errorf("keep token: %w (set POSTRIDER_DATA_DIR)", err)
	}
	return made, nil
}
