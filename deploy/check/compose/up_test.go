package compose

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/embedded"
	"github.com/postrider/postrider/shared/stack"
)

// machine runs the services of a compose file as processes of this machine: the same
// programs, arguments, variables and files. What differs is in one place, place.
type machine struct {
	t       *testing.T
	project *types.Project
	dir     string
	running map[string]*process // by the name of the container
	address map[string]string   // of what listens in a container, by container and port

	postgres *embedded.Postgres
}

// up starts all services in the order of their dependencies, as "docker compose up
// --wait" does, but what is run by hand.
func up(t *testing.T, project *types.Project) *machine {
	t.Helper()
	m := &machine{t: t, project: project, dir: t.TempDir(), running: map[string]*process{}, address: map[string]string{}}
	require.NoError(t, os.Chmod(m.dir, 0o755)) // for PostgreSQL, which runs as another user
	t.Cleanup(m.down)
	started := make(map[string]bool)
	var start func(name string)
	start = func(name string) {
		if started[name] {
			return
		}
		started[name] = true
		s := project.Services[name]
		for _, before := range s.GetDependencies() {
			start(before)
			if s.DependsOn[before].Condition == types.ServiceConditionHealthy {
				m.await(before)
			}
		}
		m.start(s, name+"-1")
	}
	for name, s := range project.Services {
		if !byHand(s) {
			start(name)
		}
	}
	for name := range project.Services {
		m.await(name)
	}
	return m
}

// listens are the ports that services listen on, in a container.
var listens = map[string][]string{ //nolint:gochecknoglobals // constant
	"nats": {"4222", "8222"}, "postgres": {"5432"}, "ingest": {"8071", "8072"}, "receiver": {"8099"},
	"fanout": {"8072"}, "deliver": {"8072"}, "retry": {"8072"}, "dlq": {"8072"},
}

// place is all that is different on this machine. Names of containers and "everywhere"
// become a free port of loopback each, and absolute paths of what is mounted become
// paths below the folder of the container.
func (m *machine) place(s types.ServiceConfig, container string) *strings.Replacer {
	var pairs []string
	for _, service := range []string{"nats", "postgres"} {
		for _, port := range listens[service] {
			pairs = append(pairs, service+":"+port, m.at(service+"-1", port))
		}
	}
	for _, port := range listens[s.Name] {
		pairs = append(pairs, "0.0.0.0:"+port, m.at(container, port), "127.0.0.1:"+port, m.at(container, port))
	}
	var mounted []string
	for _, v := range s.Volumes {
		mounted = append(mounted, v.Target)
	}
	slices.SortFunc(mounted, func(a, b string) int { return len(b) - len(a) })
	for _, target := range mounted {
		pairs = append(pairs, target, m.path(container, target))
	}
	return strings.NewReplacer(pairs...)
}

// at is where a port of a container is on this machine.
func (m *machine) at(container, port string) string {
	key := container + ":" + port
	if m.address[key] == "" {
		free, err := stack.FreePort()
		require.NoError(m.t, err)
		m.address[key] = "127.0.0.1:" + free
	}
	return m.address[key]
}

// path is where a file of a container is on this machine.
func (m *machine) path(container, inside string) string {
	return filepath.Join(m.dir, "containers", container, inside)
}

// layOut puts what a container mounts where it sees it: volumes, which are folders that
// containers share, and copies of files of the repository.
func (m *machine) layOut(s types.ServiceConfig, container string) {
	mounts := slices.Clone(s.Volumes)
	slices.SortFunc(mounts, func(a, b types.ServiceVolumeConfig) int { return len(a.Target) - len(b.Target) })
	for _, v := range mounts {
		target := m.path(container, v.Target)
		require.NoError(m.t, os.MkdirAll(filepath.Dir(target), 0o755))
		if v.Type == types.VolumeTypeVolume {
			source := filepath.Join(m.dir, "volumes", v.Source)
			require.NoError(m.t, os.MkdirAll(source, 0o755))
			require.NoError(m.t, os.Symlink(source, target))
			continue
		}
		text, err := os.ReadFile(v.Source)
		require.NoError(m.t, err)
		require.NoError(m.t, os.WriteFile(target, []byte(m.place(s, container).Replace(string(text))), 0o600))
	}
}

// process is the one of a container.
type process struct {
	service types.ServiceConfig
	log     string
	cmd     *exec.Cmd
	exited  chan struct{}
}

// start starts a container; what ends at once has ended well afterwards.
func (m *machine) start(s types.ServiceConfig, container string) {
	m.t.Helper()
	m.layOut(s, container)
	if s.Name == "postgres" {
		m.startPostgres(container)
		return
	}
	p := &process{service: s, log: filepath.Join(m.dir, container+".log"), cmd: m.command(s, container, nil), exited: make(chan struct{})}
	log, err := os.Create(p.log)
	require.NoError(m.t, err)
	defer func() { _ = log.Close() }() // the process has its own
	p.cmd.Stdout, p.cmd.Stderr = log, log
	require.NoError(m.t, p.cmd.Start(), container)
	go func() {
		defer close(p.exited)
		_ = p.cmd.Wait() // its exit code is looked at
	}()
	if !endsAtOnce(m.project, s.Name) {
		m.running[container] = p
		return
	}
	select {
	case <-p.exited:
		require.Zero(m.t, p.cmd.ProcessState.ExitCode(), "%s: %s", container, p.output())
	case <-time.After(time.Minute):
		_ = p.cmd.Process.Kill()
		m.t.Fatalf("%s has not ended within a minute: %s", container, p.output())
	}
}

// output is what the process has said.
func (p *process) output() string {
	text, _ := os.ReadFile(p.log)
	return string(text)
}

// command is what a container runs, or another command in it, with the variables of
// its service and no others.
func (m *machine) command(s types.ServiceConfig, container string, command []string) *exec.Cmd {
	m.t.Helper()
	if command == nil {
		command = slices.Concat(s.Entrypoint, s.Command)
	}
	place := m.place(s, container)
	args := make([]string, len(command))
	for i, word := range command {
		args[i] = place.Replace(word)
	}
	name := filepath.Join(programs(m.t), args[0])
	if _, err := os.Stat(name); err != nil {
		name = args[0] // sh, and what it calls, are those of this machine
	}
	cmd := exec.Command(name, args[1:]...)
	host, port, _ := strings.Cut(m.at("postgres-1", "5432"), ":")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "PGHOSTADDR=" + host, "PGPORT=" + port} // psql takes host and port apart
	for variable, value := range s.Environment {
		if value != nil {
			cmd.Env = append(cmd.Env, variable+"="+place.Replace(*value))
		}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// startPostgres starts a server with what its image makes: a superuser of that name
// with the password of the file, and an empty database.
func (m *machine) startPostgres(container string) {
	_, port, _ := strings.Cut(m.at(container, "5432"), ":")
	var number int
	_, err := fmt.Sscan(port, &number)
	require.NoError(m.t, err)
	data := filepath.Join(m.dir, "cluster")
	server, err := embedded.StartPostgres(m.t.Context(), embedded.PostgresOptions{DataDir: data, NoFsync: true, Port: number})
	require.NoError(m.t, err)
	m.postgres = server
	password, err := os.ReadFile(m.path(container, "/run/secrets/password"))
	require.NoError(m.t, err)
	m.sql(server.URL(), "CREATE ROLE postgres LOGIN SUPERUSER PASSWORD '"+strings.TrimSpace(string(password))+"'")
	as := fmt.Sprintf("postgres://postgres:%s@127.0.0.1:%s/template1", strings.TrimSpace(string(password)), port)
	m.sql(as, "DROP DATABASE postrider", "ALTER ROLE postrider RENAME TO maker", "CREATE DATABASE "+*m.project.Services["postgres"].Environment["POSTGRES_DB"])
}

func (m *machine) sql(url string, statements ...string) {
	db, err := pgx.Connect(m.t.Context(), url)
	require.NoError(m.t, err)
	defer func() { _ = db.Close(context.Background()) }()
	for _, s := range statements {
		_, err := db.Exec(m.t.Context(), s)
		require.NoError(m.t, err)
	}
}

// await waits until the containers of a service are healthy, by their own check.
func (m *machine) await(service string) {
	m.t.Helper()
	s := m.project.Services[service]
	for container, p := range m.running {
		if p.service.Name == service {
			for deadline := time.Now().Add(time.Minute); !m.healthy(s, container); {
				select {
				case <-p.exited:
					m.t.Fatalf("%s has ended: %s", container, p.output())
				case <-time.After(100 * time.Millisecond):
				}
				require.True(m.t, time.Now().Before(deadline), "%s is not healthy within a minute: %s", container, p.output())
			}
		}
	}
}

func (m *machine) healthy(s types.ServiceConfig, container string) bool {
	check := slices.Clone(s.HealthCheck.Test[1:])
	if slices.Equal(check, []string{"postrider", "health"}) {
		check = append(check, "http://127.0.0.1:8072/readyz") // what it asks by itself, to be placed
	}
	return m.command(s, container, check).Run() == nil
}

// run runs a command in a container, as "docker compose exec" does.
func (m *machine) run(service string, command ...string) string {
	m.t.Helper()
	output, err := m.command(m.project.Services[service], service+"-1", command).Output()
	require.NoError(m.t, err)
	return strings.TrimSpace(string(output))
}

// down stops everything as "docker compose stop" does: all must end well, in the time
// that the file gives them.
func (m *machine) down() {
	var all sync.WaitGroup
	for _, last := range []bool{false, true} { // NATS after the others
		for container, p := range m.running {
			if (p.service.Name == "nats") == last {
				all.Go(func() { p.stop(m.t, container) })
			}
		}
		all.Wait()
	}
	if m.postgres != nil {
		require.NoError(m.t, m.postgres.Stop(context.Background()))
	}
}

// stop: nats-server ends with 1 when it is told to.
func (p *process) stop(t *testing.T, container string) {
	t.Helper()
	grace := 10 * time.Second // compose's own
	if p.service.StopGracePeriod != nil {
		grace = time.Duration(*p.service.StopGracePeriod)
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(grace):
		_ = p.cmd.Process.Kill()
		<-p.exited
		t.Errorf("%s did not end within %s", container, grace)
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 && p.service.Name != "nats" {
		t.Errorf("%s ended with %d: %s", container, code, p.output())
	}
	if t.Failed() {
		t.Logf("%s: %s", container, p.output())
	}
}
