package ingest

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/testkit"
)

// TestFleet asks three processes, one of them of another version and one that asks
// itself, and then none, when NATS is away.
func TestFleet(t *testing.T) {
	t.Parallel()
	server := testkit.NATS(t)
	self, other := event.Process{Host: "b", PID: 1}, event.Process{Host: "a", PID: 1, Stages: []event.StageWork{{Stage: "retry"}}}
	asking := testkit.Connect(t, server.URL())
	for _, p := range []any{self, other, "?"} {
		answer, err := json.Marshal(p)
		require.NoError(t, err)
		_, err = testkit.Connect(t, server.URL()).Answer(event.SubjectProcess, func() []byte { return answer })
		require.NoError(t, err)
	}
	f := newFleet(asking, func() event.Process { return self })
	var found api.Fleet
	testkit.Eventually(t, func() bool {
		var err error
		found, err = f.now(testkit.Context(t))
		require.NoError(t, err)
		return len(found.Processes) == 2
	}, "the other has answered")
	require.Equal(t, api.Fleet{Complete: true, Processes: []event.Process{other, self}}, found)

	server.Stop()
	testkit.Eventually(t, func() bool { return asking.Connected() != nil }, "it is away")
	found, err := f.now(t.Context())
	require.NoError(t, err)
	require.Equal(t, api.Fleet{Processes: []event.Process{self}}, found)
}
