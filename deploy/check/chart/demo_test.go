package chart

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// TestDemoKeepsItsSecret: what the first installation made is there at every upgrade,
// or PostgreSQL's password and the key of what is encrypted would be lost.
func TestDemoKeepsItsSecret(t *testing.T) {
	t.Parallel()
	values := read(t, installations()["demo"]...)
	first := secretOf(t, values, nil)
	require.NotEqual(t, first.StringData, secretOf(t, values, nil).StringData, "they are made, not written somewhere")
	require.Contains(t, first.StringData["database-url"], first.StringData["postgres-password"])
	require.Contains(t, first.StringData["nats-url"], first.StringData["nats-token"])

	stored := core.Secret{TypeMeta: meta.TypeMeta{APIVersion: "v1", Kind: "Secret"}, ObjectMeta: first.ObjectMeta, Data: map[string][]byte{}}
	for key, value := range first.StringData {
		stored.Data[key] = []byte(value)
	}
	require.Equal(t, first.StringData, secretOf(t, values, &stored).StringData)
	require.Equal(t, "keep", first.Annotations["helm.sh/resource-policy"], "its disks stay as well")
}

// secretOf renders the demo beside an API server that has this Secret, or none.
func secretOf(t *testing.T, values map[string]any, stored *core.Secret) *core.Secret {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, meta.APIResourceList{
			TypeMeta:     meta.TypeMeta{APIVersion: "v1", Kind: "APIResourceList"},
			GroupVersion: "v1",
			APIResources: []meta.APIResource{{Name: "secrets", Namespaced: true, Kind: "Secret", Version: "v1", Verbs: meta.Verbs{"get"}}},
		})
	})
	mux.HandleFunc("GET /api/v1/namespaces/"+namespace+"/secrets/postrider-demo", func(w http.ResponseWriter, _ *http.Request) {
		if stored == nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		answer(w, stored)
	})
	server := httptest.NewServer(mux)
	defer server.Close()

	loaded, err := load()
	require.NoError(t, err)
	release := chartutil.ReleaseOptions{Name: "postrider", Namespace: namespace, Revision: 2, IsUpgrade: true}
	full, err := chartutil.ToRenderValues(loaded, values, release, chartutil.DefaultCapabilities)
	require.NoError(t, err)
	files, err := engine.RenderWithClient(loaded, full, &rest.Config{Host: server.URL})
	require.NoError(t, err)
	secret, ok := decode(t, "secret.yaml", files["postrider/templates/demo/secret.yaml"]).decoded.(*core.Secret)
	require.True(t, ok)
	return secret
}

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}
