package chart

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the settings that the programs have into the chart's schema") //nolint:gochecknoglobals // of the test's command line

const schema = dir + "/values.schema.json"

// TestSchemaKnowsEverySetting: a misspelt setting is refused before anything is
// installed, and a new one is not. "go test ./chart -update" writes them.
func TestSchemaKnowsEverySetting(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(schema)
	require.NoError(t, err)
	var root map[string]any
	require.NoError(t, json.Unmarshal(text, &root))
	definitions := root["definitions"].(map[string]any)
	properties := func(definition string, names []string, value any) {
		want := map[string]any{}
		for _, name := range names {
			want[name] = value
		}
		definitions[definition].(map[string]any)["properties"] = want
	}
	known := map[string]bool{}
	for _, stage := range stages() {
		for _, v := range variables(t, stage) {
			known[v] = true
		}
	}
	// The chart says where the processes listen, and how long a pod takes to end.
	for _, v := range []string{"POSTRIDER_ADMIN_LISTEN", "POSTRIDER_LISTEN", "POSTRIDER_DRAIN_DELAY", "POSTRIDER_DRAIN_TIMEOUT"} {
		delete(known, v)
	}
	properties("secretSettings", slices.Collect(maps.Keys(known)), map[string]any{"$ref": "#/definitions/secretKey"})
	// Many may read a ConfigMap.
	secret := []string{
		"POSTRIDER_DATABASE_URL", "POSTRIDER_API_DATABASE_URL", "POSTRIDER_NATS_URL", "POSTRIDER_TOKEN", "POSTRIDER_JWT_SECRET",
		"POSTRIDER_SECRET_KEYS",
	}
	for _, v := range secret {
		require.True(t, known[v], v)
		delete(known, v)
	}
	properties("settings", slices.Collect(maps.Keys(known)), map[string]any{"type": "string"})
	properties("bootstrapSettings", slices.DeleteFunc(variables(t, "postrider", "bootstrap"), func(v string) bool {
		return slices.Contains(secret, v)
	}), map[string]any{"type": "string"})

	var want bytes.Buffer
	encoder := json.NewEncoder(&want)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	require.NoError(t, encoder.Encode(root))
	if *update {
		require.NoError(t, os.WriteFile(schema, want.Bytes(), 0o644))
		return
	}
	require.Equal(t, want.String(), string(text), "go test ./chart -run TestSchemaKnowsEverySetting -update")
}

// TestRefuses: what is misspelt, or cannot work, is refused with words that help.
func TestRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ values, want string }{
		"a key":                {"replicas: 3", "additional properties 'replicas' not allowed"},
		"a stage":              {"stages: {delivery: {replicas: 3}}", "additional properties 'delivery' not allowed"},
		"a key of a stage":     {"stages: {deliver: {replica: 3}}", "at '/stages/deliver': additional properties 'replica' not allowed"},
		"a setting":            {"settings: {POSTRIDER_RETENTOIN: 24h}", "additional properties 'POSTRIDER_RETENTOIN' not allowed"},
		"a setting's type":     {"settings: {POSTRIDER_SLOTS: 12}", "at '/settings/POSTRIDER_SLOTS': got number, want string"},
		"a setting of its own": {"settings: {POSTRIDER_DRAIN_TIMEOUT: 60s}", "additional properties 'POSTRIDER_DRAIN_TIMEOUT' not allowed"},
		"a plain secret":       {"settings: {POSTRIDER_TOKEN: x}", "additional properties 'POSTRIDER_TOKEN' not allowed"},
		"settings elsewhere":   {"pod: {env: [{name: POSTRIDER_SLOTS, value: '1'}]}", "at '/pod/env/0/name'"},
		"bootstrap":            {"bootstrap: {settings: {POSTRIDER_SLOTS: '1'}}", "additional properties 'POSTRIDER_SLOTS' not allowed"},
		"no key":               {"secretSettings: {POSTRIDER_EGRESS_PROXY: {secret: proxy}}", "missing property 'key'"},
		"scaling":              {"stages: {retry: {autoscaling: {by: lag}}}", "value must be one of 'none', 'cpu', 'backlog'"},
		"digest":               {"image: {digest: latest}", "does not match pattern"},
		"ingress":              {"ingress: {enabled: true}", "at '/ingress/host'"},
		"margin":               {"drain: {marginSeconds: 0}", "minimum: got 0, want 5"},
		"no Secret":            {"existingSecret: ''", "set existingSecret to the name of one that has the key database-url"},
		"both":                 {"stages: {ingest: {settings: {POSTRIDER_EGRESS_PROXY: http://a:1}, secretSettings: {POSTRIDER_EGRESS_PROXY: {key: proxy}}}}", "both in settings and in secretSettings"},
		"fewer than least":     {"stages: {ingest: {autoscaling: {minReplicas: 9}}}", "minReplicas is 9, more than maxReplicas, which is 6"},
		"no Prometheus":        {"stages: {deliver: {autoscaling: {by: backlog}}}", "set keda.prometheusAddress"},
		"nothing to scale by":  {"{keda: {prometheusAddress: 'http://p:9090'}, stages: {dlq: {autoscaling: {by: backlog}}}}", "set backlogPerReplica, oldestSeconds or both"},
		"nothing":              {"global: {storageClass: fast}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			values := map[string]any{}
			require.NoError(t, yaml.Unmarshal([]byte(test.values), &values))
			if _, ok := values["existingSecret"]; !ok {
				values["existingSecret"] = "postrider"
			}
			_, err := render(t, values)
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.want)
		})
	}
}
