package chart

import (
	"bufio"
	"errors"
	"io"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	yamlstream "k8s.io/apimachinery/pkg/util/yaml"
)

const (
	dir       = "../../helm/postrider"
	namespace = "webhooks"
)

// stages are the five, as the chart names them.
func stages() []string { return []string{"ingest", "fanout", "deliver", "retry", "dlq"} }

// installations are the values that come with the chart, and two of the tests': the
// least that is needed, and everything that can be switched on.
func installations() map[string][]string {
	return map[string][]string{
		"default":    {"testdata/least.yaml"},
		"demo":       {dir + "/values-demo.yaml"},
		"production": {dir + "/values-production.yaml"},
		"keda":       {dir + "/values-production.yaml", dir + "/values-keda.yaml"},
		"postgres":   {dir + "/examples/values-cloudnativepg.yaml"},
		"everything": {"testdata/everything.yaml"},
	}
}

// each renders every installation.
func each(t *testing.T) iter.Seq2[string, objects] {
	t.Helper()
	return func(yield func(string, objects) bool) {
		for name, files := range installations() {
			if !yield(name, rendered(t, read(t, files...))) {
				return
			}
		}
	}
}

var load = sync.OnceValues(func() (*chart.Chart, error) { return loader.LoadDir(dir) })

// read merges files of values; a later one goes before.
func read(t *testing.T, files ...string) map[string]any {
	t.Helper()
	all := map[string]any{}
	for _, file := range files {
		values, err := chartutil.ReadValuesFile(file)
		require.NoError(t, err)
		all = chartutil.MergeTables(values, all)
	}
	return all
}

// render is "helm template" with these values, schema and all.
func render(t *testing.T, values map[string]any) (map[string]string, error) {
	t.Helper()
	loaded, err := load()
	require.NoError(t, err)
	release := chartutil.ReleaseOptions{Name: "postrider", Namespace: namespace, Revision: 1, IsInstall: true}
	full, err := chartutil.ToRenderValues(loaded, values, release, chartutil.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	return engine.Render(loaded, full)
}

// rendered renders and decodes.
func rendered(t *testing.T, values map[string]any) objects {
	t.Helper()
	files, err := render(t, values)
	require.NoError(t, err)
	var all objects
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if filepath.Ext(name) != ".yaml" {
			continue
		}
		for _, text := range documents(t, files[name]) {
			o := decode(t, name, text)
			all = append(all, o)
		}
	}
	require.NotEmpty(t, all)
	return all
}

// documents are those of a file that are not empty.
func documents(t *testing.T, text string) (all []string) {
	t.Helper()
	reader := yamlstream.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		if withoutComments(string(document)) != "" {
			all = append(all, string(document))
		}
	}
}

func withoutComments(text string) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if l := strings.TrimSpace(line); l != "---" && !strings.HasPrefix(l, "#") {
			kept.WriteString(l)
		}
	}
	return kept.String()
}
