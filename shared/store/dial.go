package store

import (
	"net"
	"syscall"
	"time"
)

// How long a connection on which nothing comes back is believed in. What waits for
// the database has its own, shorter time; this is for what only listens, and for
// the system's own habit of trying for a quarter of an hour.
const (
	keepAlive     = 5 * time.Second
	keepAlives    = 3
	unansweredFor = keepAlive * (keepAlives + 1)
)

// dialer makes connections that end when whoever is at their other end has gone
// without saying so.
func dialer() *net.Dialer {
	return &net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: keepAlive, Interval: keepAlive, Count: keepAlives},
		Control: func(network, _ string, conn syscall.RawConn) error {
			if network == "unix" {
				return nil
			}
			return conn.Control(func(fd uintptr) { giveUpAfter(fd, unansweredFor) })
		},
	}
}
