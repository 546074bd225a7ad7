package console_test

import (
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/portal/portaltest"
)

// TestKeys: a key is shown once, opens the console as far as it is good for, and no
// more once it is deleted.
func TestKeys(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	v := w.Operator(t)
	require.True(t, v.Get("/console/keys").Shows("No API keys yet"))
	p := v.Post("/console/keys/new", "name", "Billing")
	require.Equal(t, http.StatusUnprocessableEntity, p.Status)
	require.True(t, p.Shows("must be at least one of"), p.Text)
	require.Contains(t, p.Text, `value="Billing"`)

	p = v.Post("/console/keys/new", "name", "Billing", "scopes", "read", "scopes", "publish", "expiresAt", "30")
	token := regexp.MustCompile(`prk_\w+_\w+`).FindString(p.Text)
	require.NotEmpty(t, token)
	p = v.Get("/console/keys")
	require.True(t, p.Shows("Billing"))
	require.NotContains(t, p.Text, token)
	key := w.API(t, "GET", "/api-key", "")["data"].([]any)[0].(map[string]any)
	require.Equal(t, []any{"publish", "read"}, key["scopes"])
	ends, err := time.Parse(time.RFC3339, key["expiresAt"].(string))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().AddDate(0, 0, 30), ends, time.Hour)

	reader := w.Visitor(t)
	require.Equal(t, "/console/", reader.Post("/console/login", "key", token).Location)
	require.Equal(t, http.StatusOK, reader.Get("/console/applications").Status)
	require.Equal(t, http.StatusForbidden, reader.Get("/console/keys").Status)
	require.Equal(t, http.StatusForbidden, reader.Post("/console/applications/new", "name", "x").Status)

	page := "/console/keys/" + portaltest.ID(t, key) + "/delete"
	require.True(t, v.Get(page).Shows("Billing"))
	require.Equal(t, "/console/keys", v.Post(page).Location)
	require.Equal(t, "/console/login?ended=", reader.Get("/console/applications").Location)
	require.Equal(t, http.StatusNotFound, v.Get(page).Status)
}
