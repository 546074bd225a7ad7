package stack

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/postrider/postrider/shared/embedded"
)

// startServers starts PostgreSQL and all nats-servers.
func (s *Stack) startServers(ctx context.Context) error {
	if err := s.startPostgres(ctx); err != nil {
		return err
	}
	if err := s.prepareNATS(); err != nil {
		return err
	}
	for _, node := range s.nodes {
		if err := s.Launch(ctx, node); err != nil {
			return err
		}
	}
	for _, node := range s.nodes {
		if err := s.AwaitReady(ctx, node); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stack) startPostgres(ctx context.Context) error {
	text, err := FreePort()
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("read port: %w", err)
	}
	d := &database{options: embedded.PostgresOptions{DataDir: filepath.Join(s.options.Dir, Postgres), NoFsync: s.options.NoFsync, Port: port}}
	s.programs[Postgres] = d
	if err := d.start(ctx); err != nil {
		return err
	}
	s.DatabaseURL = d.last().URL()
	s.servers[Postgres] = s.DatabaseURL
	return s.rights.makeRoles(ctx, d)
}

// node is where one nats-server listens.
type node struct{ client, route, monitor string }

func (s *Stack) prepareNATS() error {
	nodes := make([]node, max(s.options.NATSServers, 1))
	var routes []string
	for i := range nodes {
		for _, address := range []*string{&nodes[i].client, &nodes[i].route, &nodes[i].monitor} {
			var err error
			if *address, err = freeAddress(); err != nil {
				return err
			}
		}
		routes = append(routes, "nats-route://"+nodes[i].route)
	}
	if err := s.rights.writeUsers(s.options.Dir); err != nil {
		return err
	}
	for i, n := range nodes {
		name := numbered(NATS, i)
		config := filepath.Join(s.options.Dir, name+".conf")
		if err := os.WriteFile(config, []byte(s.natsConfig(name, n, routes)), 0o600); err != nil {
			return fmt.Errorf("write nats-server configuration: %w", err)
		}
		s.nodes = append(s.nodes, name)
		s.servers[name] = "nats://" + n.client
		s.health[name] = "http://" + n.monitor + "/healthz"
		s.programs[name] = s.process(NATS, name, nil, "-c", config)
	}
	s.NATSURL, s.MonitorURL = s.NATSURLAs("operator"), "http://"+nodes[0].monitor
	return nil
}

// NATSURLAs is where the servers are, for a process or a person of that name.
func (s *Stack) NATSURLAs(name string) string {
	var urls []string
	for _, node := range s.nodes {
		urls = append(urls, strings.Replace(s.servers[node], "//", "//"+s.rights.natsUser(name).String()+"@", 1))
	}
	return strings.Join(urls, ",")
}

// natsConfig: a token keeps out the processes of a stack that was killed before it
// could stop them, and whose server had the port: they would work on what is ours.
// For the same reason a cluster has a name of its own. Its servers write everything
// to disk before they say so; a single one, whose streams can be made again from
// PostgreSQL, within a second. Where there are links, clients are told of no way
// around them.
func (s *Stack) natsConfig(name string, n node, routes []string) string {
	text := fmt.Sprintf("server_name: %s\nlisten: %q\nhttp: %q\n%s", name, n.client, n.monitor, s.rights.authorization())
	sync := "1s"
	if len(routes) > 1 {
		text += fmt.Sprintf("cluster { name: %q, listen: %q, routes: [%s], no_advertise: %t }\n", s.rights.token[:8], n.route, strings.Join(routes, ", "), s.options.Links)
		if !s.options.NoFsync {
			sync = "always"
		}
	}
	return text + fmt.Sprintf("jetstream { store_dir: %q, sync_interval: %s, max_file_store: 1T }\n", s.StoreDir(name), sync)
}

// Nodes lists the nats-servers.
func (s *Stack) Nodes() []string { return append([]string(nil), s.nodes...) }

// StoreDir is the folder that a nats-server keeps its streams in.
func (s *Stack) StoreDir(name string) string { return filepath.Join(s.options.Dir, name) }

func isNATS(name string) bool { return strings.HasPrefix(name, NATS) }

func freeAddress() (string, error) {
	port, err := FreePort()
	return net.JoinHostPort("127.0.0.1", port), err
}
