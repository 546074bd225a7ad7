package deliver

import (
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/testkit"
)

// TestHostileConnect calls an address that takes no connection and refuses none:
// a listener whose queue is full. How it is filled is Linux's way.
func TestHostileConnect(t *testing.T) {
	t.Parallel()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = syscall.Close(fd) })
	require.NoError(t, syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	require.NoError(t, syscall.Listen(fd, 0))
	name, err := syscall.Getsockname(fd)
	require.NoError(t, err)
	address := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	full := false
	for n := 0; n < 10 && !full; n++ {
		conn, err := net.DialTimeout("tcp", address, 500*time.Millisecond)
		full = err != nil
		if err == nil {
			t.Cleanup(func() { _ = conn.Close() })
		}
	}
	require.True(t, full)

	c := newCaller(t, testkit.Loopback())
	c.timeout = 300 * time.Millisecond
	a := c.try(t, "http://"+address)
	require.Equal(t, Timeout, a.outcome)
	require.GreaterOrEqual(t, a.duration, c.timeout)
	require.Less(t, a.duration, 20*time.Second)
}
