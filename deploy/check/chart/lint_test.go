package chart

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/lint"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"
)

// TestLint is "helm lint --strict", where advice counts as well.
func TestLint(t *testing.T) {
	t.Parallel()
	for name, files := range installations() {
		for _, message := range lint.AllWithKubeVersion(dir, read(t, files...), namespace, nil).Messages {
			require.NoError(t, message.Err, "%s: %s", name, message.Path)
		}
	}
}

// TestRules: those of the chart are the file that Prometheus takes elsewhere, which a
// link leads to, with the templates in it that are not Helm's.
func TestRules(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../prometheus/alerts.yaml")
	require.NoError(t, err)
	var want any
	require.NoError(t, yaml.Unmarshal(text, &want))
	files, err := render(t, read(t, installations()["production"]...))
	require.NoError(t, err)
	for _, document := range documents(t, files["postrider/templates/monitoring.yaml"]) {
		var found struct {
			Kind string `json:"kind"`
			Spec any    `json:"spec"`
		}
		require.NoError(t, yaml.Unmarshal([]byte(document), &found))
		if found.Kind == "PrometheusRule" {
			require.Equal(t, asJSON(t, want), asJSON(t, found.Spec))
			return
		}
	}
	t.Fatal("there is no PrometheusRule")
}

// TestDashboards: those of the chart are the files that Grafana takes elsewhere.
func TestDashboards(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../grafana/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	want := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		want[filepath.Base(file)] = string(text)
	}
	all := rendered(t, read(t, installations()["production"]...))
	require.Equal(t, want, named[*core.ConfigMap](t, all, "postrider-dashboards").Data)
}

func asJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return string(text)
}

// TestExamples: what is to be applied by hand is decoded like the rest, and what goes
// into other charts is YAML without a key twice.
func TestExamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(dir + "/examples/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		if match, _ := filepath.Match("*values*.yaml", filepath.Base(file)); match {
			values := map[string]any{}
			require.NoError(t, yaml.UnmarshalStrict(text, &values), file)
			continue
		}
		for _, document := range documents(t, string(text)) {
			decode(t, file, document)
		}
	}
}
