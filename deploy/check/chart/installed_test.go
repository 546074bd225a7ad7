package chart

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/postrider/postrider/shared/embedded"
)

// TestInstalled installs the demo on this machine: NATS with its configuration, the
// Job, the stages and the test, each with the command, the settings and the secrets
// that the chart gives it. Other are only addresses and the folder of NATS; and
// deliveries to this machine are allowed.
func TestInstalled(t *testing.T) {
	t.Parallel()
	require.NoError(t, build())
	all := rendered(t, read(t, installations()["demo"]...))
	m := &machine{t: t, all: all, secrets: named[*core.Secret](t, all, "postrider-demo").StringData, ports: map[string]string{}}
	m.postgres()
	m.nats()

	job := of[*batch.Job](all)[0].Spec.Template.Spec
	for { // as Kubernetes does, until NATS listens
		out, err := m.command(job, job.Containers[0], nil).CombinedOutput()
		if err == nil {
			break
		}
		require.Contains(t, string(out), "is nats-server running there?")
		time.Sleep(pause)
	}
	var running []*exec.Cmd
	for _, p := range pods(all) {
		if strings.HasPrefix(p.owner, "Deployment") {
			running = append(running, m.start(m.command(p.PodSpec, p.Containers[0], []string{"-egress-allow", "127.0.0.0/8"})))
		}
	}
	test := of[*core.Pod](all)[0].Spec
	require.Len(t, test.Containers, 1+len(stages()))
	for _, c := range test.Containers {
		for m.command(test, c, nil).Run() != nil { // as "helm install --wait", until all are ready
			time.Sleep(pause)
		}
	}
	m.deliver()
	for _, cmd := range running {
		require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	}
	for _, cmd := range running {
		require.NoError(t, cmd.Wait(), "%s: %s", cmd.Path, cmd.Stderr)
	}
}

// pause is between two looks at what is not there yet.
const pause = 100 * time.Millisecond

// machine is where an installation runs.
type machine struct {
	t       *testing.T
	all     objects
	secrets map[string]string
	ports   map[string]string // by "host:port" in the cluster, where that is here
}

// at is where something that listens in the cluster is on this machine.
func (m *machine) at(address string) string {
	if m.ports[address] == "" {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(m.t, err)
		m.ports[address] = free.Addr().String()
		require.NoError(m.t, free.Close())
	}
	return m.ports[address]
}

// service is where the pods of a Service listen, by "name:port" of its own.
func (m *machine) service(address string) string {
	name, _, err := net.SplitHostPort(address)
	require.NoError(m.t, err)
	s := named[*core.Service](m.t, m.all, name)
	for _, p := range pods(m.all) {
		if labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(p.Labels)) {
			return m.at(p.Containers[0].Name + " " + s.Spec.Ports[0].TargetPort.StrVal)
		}
	}
	require.Failf(m.t, "nobody", "listens at %s", address)
	return ""
}

// command is that of a container.
func (m *machine) command(pod core.PodSpec, c core.Container, more []string) *exec.Cmd {
	m.t.Helper()
	args := append([]string{}, c.Command[1:]...)
	for i, arg := range args {
		if rest, ok := strings.CutPrefix(arg, "http://"); ok {
			host, path, _ := strings.Cut(rest, "/")
			args[i] = "http://" + m.service(host) + "/" + path
		}
	}
	cmd := exec.Command(program(m.t, c.Command[0]), append(args, more...)...)
	settings := map[string]string{}
	for _, from := range c.EnvFrom {
		maps.Copy(settings, named[*core.ConfigMap](m.t, m.all, from.ConfigMapRef.Name).Data)
	}
	for _, e := range c.Env {
		settings[e.Name] = e.Value
	}
	files := m.t.TempDir()
	for _, v := range pod.Volumes {
		for _, s := range v.Projected.Sources {
			item := s.Secret.Items[0]
			require.Equal(m.t, "postrider-demo", s.Secret.Name)
			require.NoError(m.t, os.WriteFile(filepath.Join(files, item.Path), []byte(m.secrets[item.Key]), 0o600))
		}
	}
	for name, value := range settings {
		switch name {
		case "POSTRIDER_LISTEN":
			value = m.at(c.Name + " api")
		case "POSTRIDER_ADMIN_LISTEN":
			value = m.at(c.Name + " admin")
		}
		cmd.Env = append(cmd.Env, name+"="+strings.Replace(value, "/etc/postrider/secrets", files, 1))
	}
	return cmd
}

// start runs a program, at most until the test ends.
func (m *machine) start(cmd *exec.Cmd) *exec.Cmd {
	m.t.Helper()
	cmd.Stderr = &strings.Builder{}
	require.NoError(m.t, cmd.Start())
	m.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

// postgres runs in the place of the demo's.
func (m *machine) postgres() {
	m.t.Helper()
	server, err := embedded.StartPostgres(m.t.Context(), embedded.PostgresOptions{DataDir: m.t.TempDir(), NoFsync: true})
	require.NoError(m.t, err)
	m.t.Cleanup(func() { require.NoError(m.t, server.Stop(context.WithoutCancel(m.t.Context()))) })
	m.secrets["database-url"] = server.URL()
}

// nats runs with the configuration of the demo's.
func (m *machine) nats() {
	m.t.Helper()
	binary := filepath.Join(folder, "nats-server")
	out, err := exec.Command("go", "build", "-C", "../../..", "-o", binary, "github.com/nats-io/nats-server/v2").CombinedOutput()
	require.NoError(m.t, err, "%s", out)
	text := named[*core.ConfigMap](m.t, m.all, "postrider-nats").Data["nats.conf"]
	for from, to := range map[string]string{
		"0.0.0.0:4222": m.at("nats"), "0.0.0.0:8222": m.at("nats monitor"), "/data": m.t.TempDir(),
	} {
		require.Contains(m.t, text, from)
		text = strings.Replace(text, from, to, 1)
	}
	file := filepath.Join(m.t.TempDir(), "nats.conf")
	require.NoError(m.t, os.WriteFile(file, []byte(text), 0o600))
	cmd := exec.Command(binary, "-c", file)
	cmd.Env = []string{"NATS_TOKEN=" + m.secrets["nats-token"]}
	m.start(cmd)
	const there = "postrider-nats:4222"
	require.Contains(m.t, m.secrets["nats-url"], there)
	m.secrets["nats-url"] = strings.Replace(m.secrets["nats-url"], there, m.at("nats"), 1)
}

// deliver posts an event with the demo's token, and waits for it to be delivered.
func (m *machine) deliver() {
	m.t.Helper()
	got := make(chan string, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- string(body)
	}))
	defer receiver.Close()
	m.post("app", map[string]any{"name": "Acme", "uid": "acme"})
	m.post("app/acme/endpoint", map[string]any{"url": receiver.URL})
	m.post("app/acme/msg", map[string]any{"eventType": "invoice.paid", "payload": map[string]int{"invoice": 17}})
	require.JSONEq(m.t, `{"invoice":17}`, <-got)
}

func (m *machine) post(path string, what any) {
	m.t.Helper()
	body, err := json.Marshal(what)
	require.NoError(m.t, err)
	request, err := http.NewRequestWithContext(m.t.Context(), http.MethodPost, "http://"+m.service("postrider-ingest:80")+"/api/v1/"+path, strings.NewReader(string(body)))
	require.NoError(m.t, err)
	request.Header.Set("Authorization", "Bearer "+m.secrets["token"])
	response, err := http.DefaultClient.Do(request)
	require.NoError(m.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(m.t, err)
	require.Less(m.t, response.StatusCode, 300, "%s: %s", path, text)
}
