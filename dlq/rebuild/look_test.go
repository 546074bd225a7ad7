package rebuild

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/store"
)

func TestCompare(t *testing.T) {
	t.Parallel()
	made := time.Now().UTC().Truncate(time.Microsecond)
	was := store.Look{Met: true, At: made}
	for _, name := range []string{"EVENTS", "DELIVER_0", "OVERFLOW", "RETRY", "DLQ", "TASKS", "KV_workers"} {
		was.Marks = append(was.Marks, store.StreamMark{Stream: name, Created: made, LastSeq: 7})
	}
	for name, tt := range map[string]struct {
		change func(map[string]bus.StreamState, *store.Look)
		want   finding
	}{
		"nothing": {func(map[string]bus.StreamState, *store.Look) {}, finding{met: true}},
		"one more message": {func(now map[string]bus.StreamState, _ *store.Look) {
			now["EVENTS"] = bus.StreamState{Created: made, LastSeq: 8}
		}, finding{met: true}},
		"one message less": {func(now map[string]bus.StreamState, _ *store.Look) {
			now["DELIVER_0"] = bus.StreamState{Created: made, LastSeq: 6}
		}, finding{lost: []string{"DELIVER_0"}, met: true}},
		"made anew": {func(now map[string]bus.StreamState, _ *store.Look) {
			now["DLQ"] = bus.StreamState{Created: made.Add(time.Second), LastSeq: 8}
		}, finding{lost: []string{"DLQ"}, met: true}},
		"everything gone": {func(now map[string]bus.StreamState, was *store.Look) {
			clear(now)
			was.Met = false
		}, finding{
			missing: []string{"DELIVER_0", "DLQ", "EVENTS", "KV_workers", "OVERFLOW", "RETRY", "TASKS"},
			lost:    []string{"DELIVER_0", "DLQ", "EVENTS", "OVERFLOW", "RETRY"},
		}},
		"what nobody misses": {func(now map[string]bus.StreamState, _ *store.Look) {
			delete(now, "KV_workers")
			now["TASKS"] = bus.StreamState{Created: made, LastSeq: 1}
		}, finding{missing: []string{"KV_workers"}, met: true}},
		"one more stream": {func(now map[string]bus.StreamState, _ *store.Look) {
			now["EVENTS_1"] = bus.StreamState{}
		}, finding{met: true}},
		"another server": {func(_ map[string]bus.StreamState, was *store.Look) { was.Met = false }, finding{}},
		"the first look": {func(_ map[string]bus.StreamState, was *store.Look) { *was = store.Look{} }, finding{met: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, now := was, make(map[string]bus.StreamState)
			for _, m := range was.Marks {
				now[m.Stream] = bus.StreamState{Name: m.Stream, Created: m.Created, LastSeq: m.LastSeq}
			}
			tt.change(now, &before)
			require.Equal(t, tt.want, compare(before, now))
		})
	}
}
