package compose

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// TestNATS is "nats-server -t" with the secrets that are made: of the compose file's
// configuration, and of the one for whoever runs a server of their own.
func TestNATS(t *testing.T) {
	t.Parallel()
	m := &machine{t: t, project: load(t, nil), dir: t.TempDir(), address: map[string]string{}}
	for _, name := range []string{"secrets", "nats"} {
		m.layOut(m.project.Services[name], name+"-1")
	}
	output, err := m.command(m.project.Services["secrets"], "secrets-1", nil).CombinedOutput()
	require.NoError(t, err, string(output))
	s := m.project.Services["nats"]
	output, err = m.command(s, "nats-1", append(s.Command, "-t")).CombinedOutput()
	require.NoError(t, err, string(output))
	require.Contains(t, string(output), "is valid")

	own := t.TempDir()
	for _, name := range []string{"nats-server.conf", "users.conf"} {
		text, err := os.ReadFile(filepath.Join(root, "deploy/nats", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(own, name), text, 0o600))
	}
	passwords, err := os.ReadFile(m.path("nats-1", "/etc/nats/secrets/passwords.conf"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(own, "passwords.conf"), passwords, 0o600))
	output, err = exec.CommandContext(t.Context(), filepath.Join(programs(t), "nats-server"), "-t", "-c", filepath.Join(own, "nats-server.conf")).CombinedOutput()
	require.NoError(t, err, string(output))
}

// TestPrometheus is "promtool check config", with the rules where they are mounted.
func TestPrometheus(t *testing.T) {
	t.Parallel()
	project := load(t, everything)
	s := project.Services["prometheus"]
	m := &machine{t: t, project: project, dir: t.TempDir(), address: map[string]string{}}
	m.layOut(s, "prometheus-1")
	config := m.path("prometheus-1", strings.TrimPrefix(s.Command[0], "--config.file="))
	output, err := exec.CommandContext(t.Context(), "promtool", "check", "config", config).CombinedOutput()
	require.NoError(t, err, string(output))
	require.Contains(t, string(output), "rules found", "with rules")

	var read struct {
		ScrapeConfigs []struct {
			DNS []struct {
				Names []string
				Port  int
			} `yaml:"dns_sd_configs"`
		} `yaml:"scrape_configs"`
		Alerting struct {
			Alertmanagers []struct {
				Static []struct{ Targets []string } `yaml:"static_configs"`
			}
		}
	}
	decode(t, config, &read, false)
	require.Equal(t, stages, read.ScrapeConfigs[0].DNS[0].Names, "every replica of every stage")
	require.Equal(t, 8072, read.ScrapeConfigs[0].DNS[0].Port)
	requireReachable(t, project, "prometheus", "http://"+read.Alerting.Alertmanagers[0].Static[0].Targets[0])
}

// TestGrafana: what is provisioned has no member that Grafana does not know, leads to
// services that are there, and to the dashboards.
func TestGrafana(t *testing.T) {
	t.Parallel()
	project := load(t, everything)
	s := project.Services["grafana"]
	m := &machine{t: t, project: project, dir: t.TempDir(), address: map[string]string{}}
	var sources struct {
		APIVersion  int `yaml:"apiVersion"`
		Datasources []struct {
			Name, UID, Type, Access, URL string
			IsDefault                    bool              `yaml:"isDefault"`
			JSONData                     map[string]string `yaml:"jsonData"`
		}
	}
	decode(t, m.source(s, "/etc/grafana/provisioning/datasources/postrider.yaml"), &sources, true)
	for _, d := range sources.Datasources {
		require.Equal(t, d.Type, d.UID, "by which dashboards name it")
		requireReachable(t, project, "grafana", d.URL)
	}
	var dashboards struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Name, Folder, Type string
			AllowUIUpdates     bool `yaml:"allowUiUpdates"`
			Options            struct{ Path string }
		}
	}
	decode(t, m.source(s, "/etc/grafana/provisioning/dashboards/postrider.yaml"), &dashboards, true)
	require.DirExists(t, m.source(s, dashboards.Providers[0].Options.Path))
	require.FileExists(t, m.source(s, *s.Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]))
}

// TestLoki: Alloy sends to where Loki listens, and Loki keeps everything in its volume.
// Neither's own check can be had here, so both files are small.
func TestLoki(t *testing.T) {
	t.Parallel()
	project := load(t, everything)
	var loki struct {
		Server struct {
			Port int `yaml:"http_listen_port"`
		}
		Common struct {
			Path string `yaml:"path_prefix"`
		}
	}
	decode(t, dir+"/loki.yaml", &loki, false)
	require.Equal(t, 3100, loki.Server.Port)
	require.Equal(t, project.Services["loki"].Volumes[1].Target, loki.Common.Path)
	alloy, err := os.ReadFile(dir + "/config.alloy")
	require.NoError(t, err)
	require.Contains(t, string(alloy), `url = "http://loki:3100/loki/api/v1/push"`)
	require.Contains(t, string(alloy), "com.docker.compose.project="+project.Name)
	requireReachable(t, project, "alloy", "http://loki:3100")
}

// source is the file of the repository, or the folder, that a container sees there.
func (m *machine) source(s types.ServiceConfig, inside string) string {
	for _, v := range s.Volumes {
		if rest, ok := strings.CutPrefix(inside, v.Target); ok && v.Type == types.VolumeTypeBind {
			return v.Source + rest
		}
	}
	m.t.Fatalf("%s: nothing is mounted at %s", s.Name, inside)
	return ""
}

// requireReachable: a URL is of another service on one of the same networks, on the
// port that this one's health check asks.
func requireReachable(t *testing.T, project *types.Project, from, url string) {
	t.Helper()
	host, port, _ := strings.Cut(strings.TrimPrefix(url, "http://"), ":")
	to, ok := project.Services[host]
	require.True(t, ok, "%s leads to no service", url)
	require.Contains(t, to.HealthCheck.Test[len(to.HealthCheck.Test)-1], "127.0.0.1:"+port+"/")
	_, near := to.Networks["inside"]
	_, here := project.Services[from].Networks["inside"]
	require.True(t, near && here, "%s reaches %s", from, url)
}

func decode(t *testing.T, file string, into any, strict bool) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(strict)
	require.NoError(t, decoder.Decode(into))
}
