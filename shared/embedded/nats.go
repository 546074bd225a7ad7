package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/rs/zerolog"
)

const (
	natsLock  = "nats.lock"
	natsToken = "nats.token"

	defaultSyncInterval = time.Second

	// natsReadyTimeout bounds the wait after streams are recovered and the port is
	// open, when there is nothing left to do.
	natsReadyTimeout = 10 * time.Second
)

// ErrPortTaken is returned when something else listens on the wanted port.
var ErrPortTaken = errors.New("port is taken")

// NATSOptions tell where and how to run NATS.
type NATSOptions struct {
	// DataDir holds the streams and the token. It is made when it is missing.
	DataDir string

	// Port on the loopback address; 0 takes a free one.
	Port int

	// SyncInterval is how often streams are synced to disk: what a power cut may
	// lose of them. 0 means one second.
	SyncInterval time.Duration

	// MaxStore is how many bytes the streams together may set aside; 0 means three
	// quarters of what is free on the disk.
	MaxStore int64

	// Users is a configuration file of nats-server whose users and their rights count
	// instead of the token; empty: the token alone. Of what else is in it nothing does.
	Users string

	// Log gets the server's warnings and errors.
	Log zerolog.Logger
}

// NATS is a nats-server with JetStream inside this process. It is safe for
// concurrent use.
type NATS struct {
	server *server.Server
	url    string
	owner  *os.File // the lock on the data directory, until stopped
	stop   sync.Once
}

// StartNATS starts a server on the data directory and returns when its streams
// are recovered and it accepts connections.
//
// It returns a *DataDirError when the directory cannot be used (with [ErrInUse]
// in it when somebody else uses it), and an error with [ErrPortTaken] in it when
// somebody else has the port.
func StartNATS(o NATSOptions) (*NATS, error) {
	root, owner, err := openDataDir(context.Background(), o.DataDir, natsLock)
	if err != nil {
		return nil, err
	}
	n, err := startNATS(root, o)
	if err != nil {
		unlock(owner)
		return nil, fmt.Errorf("start NATS: %w", err)
	}
	n.owner = owner
	return n, nil
}

func startNATS(root string, o NATSOptions) (*NATS, error) {
	token, err := makeSecret(filepath.Join(root, natsToken))
	if err != nil {
		return nil, fmt.Errorf("read token: %w", err)
	}
	options := natsOptions(root, token, o)
	user := url.User(token)
	if o.Users != "" {
		config, err := server.ProcessConfigFile(o.Users)
		if err != nil {
			return nil, fmt.Errorf("read users: %w", err)
		}
		options.Users, options.NoAuthUser, options.Authorization = config.Users, config.NoAuthUser, ""
		user = nil
	}
	srv, err := server.NewServer(options)
	if err != nil {
		return nil, fmt.Errorf("check options: %w", err)
	}
	log := &natsLog{log: o.Log.With().Str("server", "nats").Logger()}
	srv.SetLoggerV2(log, false, false, false)

	srv.Start()
	err = log.fatal()
	if err == nil && !srv.ReadyForConnections(natsReadyTimeout) {
		err = fmt.Errorf("not ready within %s", natsReadyTimeout)
	}
	if err != nil {
		stopNATS(srv)
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("%w: 127.0.0.1:%d", ErrPortTaken, o.Port)
		}
		return nil, err
	}
	address := url.URL{Scheme: "nats", User: user, Host: srv.Addr().(*net.TCPAddr).String()}
	return &NATS{server: srv, url: address.String()}, nil
}

// natsOptions are what differs from the server's defaults.
func natsOptions(root, token string, o NATSOptions) *server.Options {
	options := &server.Options{
		ServerName:             "postrider",
		Host:                   "127.0.0.1",
		Port:                   o.Port,
		Authorization:          token,
		NoSigs:                 true,
		JetStream:              true,
		JetStreamMaxStore:      o.MaxStore,
		StoreDir:               root,
		SyncInterval:           o.SyncInterval,
		DisableJetStreamBanner: true,
	}
	if options.Port == 0 {
		options.Port = server.RANDOM_PORT
	}
	if options.SyncInterval == 0 {
		options.SyncInterval = defaultSyncInterval
	}
	return options
}

// URL returns the address of the server, token included, unless it has users. The
// token stays the same for a data directory.
func (n *NATS) URL() string { return n.url }

// Stop ends all connections, writes out the streams and returns when the server
// is down. It may be called again.
func (n *NATS) Stop() {
	n.stop.Do(func() {
		stopNATS(n.server)
		unlock(n.owner)
	})
}

func stopNATS(srv *server.Server) {
	srv.Shutdown()
	srv.WaitForShutdown()
}
