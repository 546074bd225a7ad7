package service

import (
	"flag"
	"fmt"

	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/store"
)

// Keys is the setting of programs that seal or open secrets of endpoints.
type Keys struct{ Text secret.String }

// Keyholder is a stage that seals or opens secrets of endpoints. The others are given
// no keys.
type Keyholder interface {
	Stage

	// HoldsKeys does nothing.
	HoldsKeys()
}

// Flags registers the setting.
func (k *Keys) Flags(fs *flag.FlagSet) {
	fs.Var(&k.Text, "secret-keys", "`keys` that secrets are sealed with in the database, as id:base64 of 32 bytes, joined by commas or each on a line: the first seals, all open")
}

// Ring reads the keys. Where none are set it returns nil, and secrets are stored as
// they are.
func (k *Keys) Ring() (*secret.Ring, error) {
	ring, err := secret.ParseRing(k.Text)
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
