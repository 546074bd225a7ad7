package embedded

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

func TestServerLogLevels(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := newServerLog(zerolog.New(&out).Level(zerolog.InfoLevel))
	// In pieces, as they come through a pipe.
	for _, part := range []string{
		"LOG:  ready\nWARN", "ING:  disk is ", "slow\n\tand full\nPANIC:  no more\n", "LOG:  bye\n",
	} {
		_, _ = log.Write([]byte(part))
	}
	want := `{"level":"warn","server":"postgres","message":"disk is slow"}
{"level":"warn","server":"postgres","message":"\tand full"}
{"level":"error","server":"postgres","message":"no more"}
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
	if got := log.tail(); got != "LOG:  ready | WARNING:  disk is slow | \tand full | PANIC:  no more | LOG:  bye" {
		t.Errorf("tail is %q", got)
	}
}

func TestServerLogIsBounded(t *testing.T) {
	t.Parallel()
	log := newServerLog(zerolog.Nop())
	for range 10 * tailLines {
		_, _ = log.Write([]byte(strings.Repeat("x", 3*maxLogBytes) + "\n"))
	}
	if got := len(log.tail()); got > tailLines*(maxLogBytes+3) {
		t.Errorf("keeps %d bytes", got)
	}
}
