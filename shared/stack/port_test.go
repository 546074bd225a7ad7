package stack

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFreePort: no port is given away twice, here or in another process.
func TestFreePort(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for range 200 {
		port, err := FreePort()
		require.NoError(t, err)
		require.False(t, seen[port])
		seen[port] = true
		_, err = net.ListenPacket("udp", "127.0.0.1:"+port)
		require.Error(t, err, "what another process would find")
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		require.NoError(t, err, "whoever it is for can have it")
		require.NoError(t, l.Close())
	}
}
