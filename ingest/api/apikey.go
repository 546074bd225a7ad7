package api

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/token"
)

func apiKeyRoutes() []route {
	return []route{
		{"GET", "/api-key", forAdmins, (*call).listAPIKeys},
		{"POST", "/api-key", forAdmins, (*call).createAPIKey},
		{"GET", "/api-key/{key_id}", forAdmins, (*call).getAPIKey},
		{"PATCH", "/api-key/{key_id}", forAdmins, (*call).patchAPIKey},
		{"DELETE", "/api-key/{key_id}", forAdmins, (*call).deleteAPIKey},
	}
}

// apiKey is a key as operators see it.
type apiKey struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Scopes     []string   `json:"scopes"`
	ExpiresAt  *time.Time `json:"expiresAt"`
	LastUsedAt *time.Time `json:"lastUsedAt"`
	CreatedAt  time.Time  `json:"createdAt"`
	UpdatedAt  time.Time  `json:"updatedAt"`
}

// newAPIKey is a key with its text, which is shown this once.
type newAPIKey struct {
	apiKey

	Token string `json:"token"`
}

func showAPIKey(k *store.APIKey) apiKey {
	return apiKey{
		ID: event.APIKey.Format(k.ID), Name: k.Name, Scopes: k.Scopes,
		ExpiresAt: none(k.ExpiresAt.UTC()), LastUsedAt: none(k.UsedAt.UTC()), CreatedAt: k.ID.Time(), UpdatedAt: k.UpdatedAt.UTC(),
	}
}

// apiKey reads a key into k.
func (f *form) apiKey(k *store.APIKey) error {
	f.require("name")
	if f.text("name", &k.Name) && (k.Name == "" || len(k.Name) > maxName) {
		f.refuse("name", "must be 1 to 256 bytes")
	}
	f.require("scopes")
	if member(f, "scopes", &k.Scopes) {
		f.scopes(k)
	}
	if clearable(f, "expiresAt", &k.ExpiresAt) && !k.ExpiresAt.After(time.Now()) {
		f.refuse("expiresAt", "must be in the future")
	}
	return f.err()
}

// scopes checks what a key is to be good for.
func (f *form) scopes(k *store.APIKey) {
	unknown := func(name string) bool { return !slices.Contains(token.Scopes(), name) }
	if len(k.Scopes) == 0 || slices.ContainsFunc(k.Scopes, unknown) {
		f.refuse("scopes", "must be at least one of "+strings.Join(token.Scopes(), ", "))
	}
	slices.Sort(k.Scopes)
	k.Scopes = slices.Compact(k.Scopes)
}

func (c *call) listAPIKeys(r *http.Request) (reply, error) {
	p := readParams(r)
	page := p.page(event.APIKey, p.ascending(false))
	if err := p.err(); err != nil {
		return reply{}, err
	}
	keys, more, err := c.Store.APIKeys(r.Context(), page)
	if err != nil {
		return reply{}, err
	}
	return listOf(keys, more, showAPIKey, func(k *store.APIKey) string { return event.APIKey.Format(k.ID) }), nil
}

func (c *call) createAPIKey(r *http.Request) (reply, error) {
	f, err := readForm(r)
	if err != nil {
		return reply{}, err
	}
	key, text := token.NewKey()
	k := store.APIKey{ID: key.ID}
	if err := f.apiKey(&k); err != nil {
		return reply{}, err
	}
	if err := c.Store.CreateAPIKey(r.Context(), &k, key.Digest[:]); err != nil {
		return reply{}, err
	}
	c.secretly("The key was made before, and its text was shown then")
	return created(newAPIKey{showAPIKey(&k), text.Reveal()}), nil
}

func (c *call) getAPIKey(r *http.Request) (reply, error) {
	id, err := keyOf(r)
	if err != nil {
		return reply{}, err
	}
	k, err := c.Store.APIKey(r.Context(), id)
	if err != nil {
		return reply{}, err
	}
	return ok(showAPIKey(k)), nil
}

func (c *call) patchAPIKey(r *http.Request) (reply, error) {
	f, err := readPatch(r)
	if err != nil {
		return reply{}, err
	}
	if err := f.apiKey(new(store.APIKey)); err != nil {
		return reply{}, err
	}
	id, err := keyOf(r)
	if err != nil {
		return reply{}, err
	}
	k, err := c.Store.ChangeAPIKey(r.Context(), id, f.apiKey)
	if err != nil {
		return reply{}, err
	}
	c.Keys.Forget(id)
	return ok(showAPIKey(k)), nil
}

// deleteAPIKey ends a key: here at once, and in other processes when they look
// again, some seconds later.
func (c *call) deleteAPIKey(r *http.Request) (reply, error) {
	id, err := keyOf(r)
	if err != nil {
		return reply{}, err
	}
	if err := c.Store.DeleteAPIKey(r.Context(), id); err != nil {
		return reply{}, err
	}
	c.Keys.Forget(id)
	return done(), nil
}

// keyOf reads the key's id in the path.
func keyOf(r *http.Request) (event.ID, error) {
	id, err := event.APIKey.Parse(r.PathValue("key_id"))
	if err != nil {
		return id, notFound()
	}
	return id, nil
}
