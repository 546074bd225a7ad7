package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// natsServer is one of the servers that NATS is, before it is started.
type natsServer struct{ name, port, monitor, routes string }

// startNATS starts all servers and returns when each is ready, which those of a
// cluster are only together.
func (s *Stack) startNATS(ctx context.Context) error {
	servers, err := s.planNATS()
	if err != nil {
		return err
	}
	for _, server := range servers {
		if err := s.prepareNATS(server, servers); err != nil {
			return err
		}
		if err := s.processes[server.name].start(); err != nil {
			return err
		}
	}
	for _, name := range s.servers {
		if err := s.AwaitReady(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stack) planNATS() ([]natsServer, error) {
	var servers []natsServer
	var urls []string
	for i := range max(s.options.NATSServers, 1) {
		server := natsServer{name: NATS}
		if i > 0 {
			server.name += "-" + strconv.Itoa(i+1)
		}
		var faults [3]error
		server.port, faults[0] = FreePort()
		server.monitor, faults[1] = FreePort()
		server.routes, faults[2] = FreePort()
		if err := errors.Join(faults[:]...); err != nil {
			return nil, err
		}
		servers, urls = append(servers, server), append(urls, "nats://127.0.0.1:"+server.port)
	}
	s.NATSURL, s.MonitorURL = strings.Join(urls, ","), "http://127.0.0.1:"+servers[0].monitor
	return servers, nil
}

func (s *Stack) prepareNATS(server natsServer, all []natsServer) error {
	config := filepath.Join(s.options.Dir, server.name+".conf")
	if err := os.WriteFile(config, []byte(server.config(filepath.Join(s.options.Dir, server.name), all, s.options.NoFsync)), 0o600); err != nil {
		return fmt.Errorf("write nats-server configuration: %w", err)
	}
	s.processes[server.name] = s.process(NATS, server.name, nil, "-c", config)
	s.servers = append(s.servers, server.name)
	s.health[server.name] = "http://127.0.0.1:" + server.monitor + "/healthz"
	return nil
}

// config is the server's configuration. Those of a cluster write everything to
// disk before they say so; a single one, whose streams can be made again from
// PostgreSQL, within a second.
func (n *natsServer) config(dir string, all []natsServer, noFsync bool) string {
	text := fmt.Sprintf("server_name: %s\nhost: 127.0.0.1\nport: %s\nhttp: 127.0.0.1:%s\n", n.name, n.port, n.monitor)
	sync := "1s"
	if len(all) > 1 {
		var routes []string
		for _, server := range all {
			routes = append(routes, "nats-route://127.0.0.1:"+server.routes)
		}
		text += fmt.Sprintf("cluster { name: postrider, host: 127.0.0.1, port: %s, routes: [%s] }\n", n.routes, strings.Join(routes, ", "))
		if !noFsync {
			sync = "always"
		}
	}
	return text + fmt.Sprintf("jetstream { store_dir: %q, sync_interval: %s }\n", dir, sync)
}
