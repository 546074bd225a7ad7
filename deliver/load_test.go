package deliver

import (
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/testkit"
)

// TestTellsLoad asks a stage that has two attempts in flight, and again when they
// are done.
func TestTellsLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	held := make(chan struct{})
	release := sync.OnceFunc(func() { close(held) })
	r := receive(t, func(_ http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body)
		<-held
	})
	t.Cleanup(release) // or the receiver would not close
	w.start()
	d := w.delivery(r.URL)
	w.publish(d)
	again := *d
	again.Event = event.NewID()
	w.publish(&again)
	census := w.bus.Census(event.SubjectLoad)
	load := func() (l event.Load) {
		answers, err := census.Take(testkit.Context(t))
		require.NoError(t, err)
		if len(answers) == 1 { // else it does not listen yet
			l, err = event.ParseLoad(answers[0])
			require.NoError(t, err)
		}
		return l
	}
	var l event.Load
	testkit.Eventually(t, func() bool { l = load(); return l.Slots == 2 }, "both are in flight")
	require.Equal(t, event.Load{
		Slots:     2,
		Tenants:   []event.Talker{{Tenant: w.tenant, Slots: 2}},
		Endpoints: []event.Talker{{Tenant: w.tenant, Endpoint: d.Endpoint, Slots: 2}},
		Instance:  (&event.Process{}).Instance(),
	}, l)
	release()
	w.acknowledged(0)
	testkit.Eventually(t, func() bool { return load().Slots == 0 }, "nothing is in flight")
}
