package dlq

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// TestDatabaseAwayWhileRecording: letters are held until they are recorded, once
// each.
func TestDatabaseAwayWhileRecording(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	endpoint := w.endpoint()
	end := testkit.Outage(t, w.database)
	w.start()
	w.die(endpoint, 20)
	testkit.Eventually(t, func() bool { return w.store.Health(t.Context()) != nil }, "the outage is noticed")
	end()
	testkit.Eventually(t, func() bool {
		return testkit.Value[int](t, w.database, `SELECT count(*) FROM dead_letters`) == 20
	}, "recorded")
}

// TestPoisonOfDLQ: what cannot be read, or cannot be stored, is set aside. Dead
// letters go on, and what was set aside is not taken for one.
func TestPoisonOfDLQ(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	testkit.PublishRaw(t, w.nats, "dlq.app_1.ep_1", event.Format, []byte("no frame"))
	w.die(w.endpoint(), 1, func(d *event.Delivery) { d.Type = "a\x00b" }) // which PostgreSQL has no room for
	w.announce(store.TaskRedrive, "no task")
	w.die(w.endpoint(), 3)
	testkit.Eventually(t, func() bool {
		return testkit.Value[int](t, w.database, `SELECT count(*) FROM dead_letters`) == 3
	}, "others go on")
	testkit.Eventually(t, func() bool { return w.bus.SetAside() == 3 }, "set aside")
	of := make(map[string]int)
	for from := uint64(1); ; {
		p, err := w.bus.NextPoison(t.Context(), from)
		if err != nil {
			break
		}
		require.Equal(t, "dlq", p.Stage)
		of[p.Consumer.Stream]++
		from = p.Sequence + 1
	}
	require.Equal(t, map[string]int{event.StreamDLQ: 2, event.StreamTasks: 1}, of)
}
