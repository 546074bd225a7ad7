package stack

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Below those that the kernel gives to connections of its own choice: a process that
// is restarted would find one of these taken by any connection on this machine.
const (
	lowestPort  = 15_000
	highestPort = 32_000
	portTries   = 100
)

var errNoPort = errors.New("found no free port")

// given are the UDP ports of the same numbers as those that FreePort has returned.
var given struct { //nolint:gochecknoglobals // it is the process that has them
	sync.Mutex

	ports []*net.UDPConn
}

// FreePort finds a port of the loopback address that is free now. It is the same
// across restarts of the process that it is for, so it cannot be left to that
// process. No other call returns it while this process lives, not even one in
// another: for that its UDP port is kept.
func FreePort() (string, error) {
	for range portTries {
		number := lowestPort + rand.IntN(highestPort-lowestPort) //nolint:gosec // no secret
		port := strconv.Itoa(number)
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			continue
		}
		_ = l.Close() // nobody has come yet
		kept, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: number})
		if err != nil {
			continue
		}
		given.Lock()
		given.ports = append(given.ports, kept)
		given.Unlock()
		return port, nil
	}
	return "", errNoPort
}
