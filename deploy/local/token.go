package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/postrider/postrider/shared/secret"
)

// secrets sets what was not set of the operator's token, the secret that signs
// others, and the key that secrets in the database are sealed with: made at the first
// start and kept in the data folder.
func (l *local) secrets() error {
	for _, kept := range []struct {
		name string
		text *secret.String
		make func() string
	}{
		{"token", &l.ingest.Token, func() string { return "pr_" + rand.Text() }},
		{"jwt-secret", &l.ingest.JWTSecret, rand.Text},
		{"secret-keys", &l.Keys.Text, func() string { return secret.NewKey("local").Reveal() }},
	} {
		if !kept.text.IsZero() {
			continue
		}
		text, err := l.keep(kept.name, kept.make)
		if err != nil {
			return err
		}
		*kept.text = secret.New(text)
	}
	return nil
}

// keep returns the text in a file of the data folder, and makes it when there is none.
func (l *local) keep(name string, fresh func() string) (string, error) {
	if err := os.MkdirAll(l.dataDir, 0o755); err != nil { //nolint:gosec // PostgreSQL runs as another user inside
		return "", fmt.Errorf("make data folder: %w (set POSTRIDER_DATA_DIR)", err)
	}
	path := filepath.Join(l.dataDir, name)
	kept, err := os.ReadFile(path) //nolint:gosec // the operator's own folder
	if err == nil {
		return strings.TrimSpace(string(kept)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read %s: %w (set POSTRIDER_DATA_DIR)", name, err)
	}
	text := fresh()
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil { //nolint:gosec // the operator's own folder
		return "", fmt.Errorf("keep %s: %w (set POSTRIDER_DATA_DIR)", name, err)
	}
	return text, nil
}
