package receiver_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/bench/receiver"
)

func TestLine(t *testing.T) {
	t.Parallel()
	d := receiver.Delivery{
		At:      time.Date(2026, 11, 20, 18, 30, 0, 5e6, time.UTC),
		Path:    "/hook",
		ID:      "msg_1",
		Attempt: 1,
		Status:  200,
		Verdict: receiver.Genuine,
		Body:    []byte(`{"amount":7}`),
	}
	require.Equal(t, `18:30:00.005  /hook  msg_1  signature ok  answered 200  {"amount":7}`, d.String())

	d.Attempt, d.Status, d.Took, d.Timed = 3, 0, 1500*time.Microsecond, true
	require.Equal(t, `18:30:00.005  /hook  msg_1  attempt 3  signature ok  not answered  after 1.5 ms  {"amount":7}`, d.String())
}

func TestLineIsOneLine(t *testing.T) {
	t.Parallel()
	d := receiver.Delivery{Path: "/a\nb", ID: "\x1b[2J", Body: []byte("x\r\n\xff\u202e" + strings.Repeat("y", 1000))}
	line := d.String()
	require.Less(t, len(line), 300)
	for _, r := range line {
		require.GreaterOrEqual(t, r, ' ')
		require.NotContains(t, "\x7f\u202e\ufffd", string(r))
	}
}
