package service

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/store"
)

// Keys are the settings of programs that seal or open secrets of endpoints.
type Keys struct {
	Text secret.String
	File string
}

// Keyholder is a stage that seals or opens secrets of endpoints. The others are given
// no keys.
type Keyholder interface {
	Stage

	// HoldsKeys does nothing.
	HoldsKeys()
}

// Flags registers the settings.
func (k *Keys) Flags(fs *flag.FlagSet) {
	fs.Var(&k.Text, "secret-keys", "`keys` that secrets are sealed with in the database, as id:base64 of 32 bytes, joined by commas: the first seals, all open")
	fs.StringVar(&k.File, "secret-keys-file", "", "`file` of those keys instead, one a line")
}

// Ring reads the keys. Where none are set it returns nil, and secrets are stored as
// they are.
func (k *Keys) Ring() (*secret.Ring, error) {
	text := k.Text
	if k.File != "" {
		if !text.IsZero() {
			return nil, errors.New("secret-keys and secret-keys-file are both set: set one of them")
		}
		read, err := os.ReadFile(k.File)
		if err != nil {
			return nil, fmt.Errorf("secret-keys-file: %w", err)
		}
		if text = secret.New(string(read)); text.IsZero() {
			return nil, fmt.Errorf("secret-keys-file: %s is empty", k.File)
		}
	}
	ring, err := secret.ParseRing(text)
	if err != nil {
		return nil, fmt.Errorf("secret-keys: %w", err)
	}
	return ring, nil
}

// holdsKeys reports whether one of the stages does.
func holdsKeys(stages []Stage) bool {
	for _, s := range stages {
		if _, ok := s.(Keyholder); ok {
			return true
		}
	}
	return false
}

// useKeys gives the store the keys, if one of the stages has a use for them. It
// reports whether what they store will be plain.
func useKeys(db *store.Store, settings Settings, stages []Stage) (plain bool, err error) {
	if !holdsKeys(stages) {
		return false, nil
	}
	ring, err := settings.Keys.Ring()
	if err != nil {
		return false, err
	}
	db.UseKeys(ring)
	return ring == nil, nil
}
