package stack

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
)

// Below those that the kernel gives to connections of its own choice: a process that
// is restarted would find one of these taken by any connection on this machine.
const (
	lowestPort  = 15_000
	highestPort = 32_000
	portTries   = 100
)

var errNoPort = errors.New("found no free port")

// FreePort finds a port of the loopback address that is free now. It is the same
// across restarts of the process that it is for, so it cannot be left to that
// process.
func FreePort() (string, error) {
	for range portTries {
		port := strconv.Itoa(lowestPort + rand.IntN(highestPort-lowestPort)) //nolint:gosec // no secret
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			continue
		}
		_ = l.Close() // nobody has come yet
		return port, nil
	}
	return "", errNoPort
}
