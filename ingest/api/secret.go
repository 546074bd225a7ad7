package api

import (
	"errors"
	"net/http"
	"time"

	"github.com/postrider/postrider/shared/signature"
	"github.com/postrider/postrider/shared/store"
)

const (
	defaultGrace = 24 * time.Hour
	maxGrace     = 7 * 24 * time.Hour
)

func secretRoutes() []route {
	return []route{
		{"GET", endpointPath + "/secret", forSecretReaders, (*call).getSecret},
		{"POST", endpointPath + "/secret/rotate", forSecretKeepers, (*call).rotateSecret},
	}
}

// secret reads a signing key, or makes one when none is given.
func (f *form) secret(name string) signature.Key {
	var text string
	if !clearable(f, name, &text) {
		return signature.GenerateKey()
	}
	key, err := signature.ParseKey(text)
	if err != nil {
		f.refuse(name, err.Error()) // a KeyError, which shows nothing of the key
	}
	return key
}

func (c *call) getSecret(r *http.Request) (reply, error) {
	e, err := c.endpoint(r)
	if err != nil {
		return reply{}, err
	}
	key, err := c.Store.CurrentKey(r.Context(), e.Tenant, e.ID)
	if err != nil {
		return reply{}, err
	}
	return ok(map[string]string{"key": key.Public()}), nil
}

func (c *call) rotateSecret(r *http.Request) (reply, error) {
	f, err := readOptionalForm(r)
	if err != nil {
		return reply{}, err
	}
	key := f.secret("key")
	grace := defaultGrace
	var seconds int
	if member(f, "gracePeriodSeconds", &seconds) {
		if seconds < 0 || seconds > int(maxGrace.Seconds()) {
			f.refuse("gracePeriodSeconds", "must be 0 to 604800")
		}
		grace = time.Duration(seconds) * time.Second
	}
	if err := f.err(); err != nil {
		return reply{}, err
	}
	e, err := c.endpoint(r)
	if err != nil {
		return reply{}, err
	}
	err = c.Store.RotateKey(r.Context(), e.Tenant, e.ID, key, grace)
	if errors.Is(err, store.ErrTooManySecrets) {
		return reply{}, &problem{
			status: http.StatusBadRequest, code: "limit_reached",
			detail: "Too many keys are still in their grace period: wait until one has expired",
		}
	}
	return done(), err
}
