package chart

import (
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
)

// Of a process: its pool, as it is by itself, and one to listen on; the API has a pool
// of its own, and so have commits of events.
const (
	pool     = 8
	listener = 1
	commits  = 3
)

// TestConnections: the sums that operators plan their database by are right.
func TestConnections(t *testing.T) {
	t.Parallel()
	for file, installation := range map[string]string{
		"values.yaml":            "default",
		"values-production.yaml": "production",
		"values-keda.yaml":       "keda",
	} {
		sum := connections(rendered(t, read(t, installations()[installation]...)))
		text, err := os.ReadFile(dir + "/" + file)
		require.NoError(t, err)
		require.Regexp(t, fmt.Sprintf(`(are|up to) %d\b`, sum), string(text), file)
		if installation != "production" {
			readme, err := os.ReadFile(dir + "/README.md")
			require.NoError(t, err)
			require.Regexp(t, fmt.Sprintf(`\b%d with the (default values|production values and KEDA)`, sum), string(readme))
		}
	}
}

// TestDatabaseOfExample: CloudNativePG allows what these values may want, and more.
func TestDatabaseOfExample(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(dir + "/examples/cloudnativepg.yaml")
	require.NoError(t, err)
	cluster, ok := decode(t, "cloudnativepg.yaml", string(text)).decoded.(*postgresCluster)
	require.True(t, ok)
	most, err := strconv.Atoi(cluster.Spec.PostgreSQL.Parameters["max_connections"])
	require.NoError(t, err)
	require.Greater(t, most, connections(rendered(t, read(t, installations()["postgres"]...)))+20)
}

// connections are the most that an installation has at any time.
func connections(all objects) (sum int) {
	most := map[string]int32{}
	for _, d := range of[*apps.Deployment](all) {
		if d.Spec.Replicas != nil {
			most[d.Labels["app.kubernetes.io/component"]] = *d.Spec.Replicas
		}
	}
	for _, x := range of[*autoscaling.HorizontalPodAutoscaler](all) {
		most[x.Labels["app.kubernetes.io/component"]] = x.Spec.MaxReplicas
	}
	for _, x := range of[*scaledObject](all) {
		most[x.Labels["app.kubernetes.io/component"]] = x.Spec.MaxReplicaCount
	}
	for stage, replicas := range most {
		each := pool + listener
		if stage == "ingest" {
			each += pool + commits
		}
		sum += (int(replicas) + 1) * each // one more during an upgrade
	}
	return sum
}
