package directory

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// schedule is what the directory says of the event type.
func (w *world) schedule(eventType string) []time.Duration {
	w.t.Helper()
	delays, err := w.RetrySchedule(w.t.Context(), eventType)
	require.NoError(w.t, err)
	return delays
}

// setSchedule has another process change the schedule of the event type.
func (w *world) setSchedule(eventType string, delays ...time.Duration) {
	w.t.Helper()
	require.NoError(w.t, w.other.SetTypeSchedule(w.t.Context(), eventType, delays))
}

// hide takes the table of event types away, so that nobody can read it.
func (w *world) hide() (show func()) {
	w.t.Helper()
	conn := testkit.SQL(w.t, w.database)
	_, err := conn.Exec(w.t.Context(), `ALTER TABLE event_types RENAME TO hidden`)
	require.NoError(w.t, err)
	return func() {
		_, err := conn.Exec(w.t.Context(), `ALTER TABLE hidden RENAME TO event_types`)
		require.NoError(w.t, err)
	}
}

func TestRetrySchedule(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run()
	for _, name := range []string{"paid", "other", "none"} {
		require.NoError(t, w.other.CreateEventType(t.Context(), &store.EventType{Name: name}))
	}
	w.setSchedule("paid", time.Second, time.Minute)
	require.NoError(t, w.other.SetTypeSchedule(t.Context(), "none", []time.Duration{}))
	testkit.Eventually(t, func() bool { return len(w.schedule("paid")) == 2 }, "its own is seen")
	require.Equal(t, []time.Duration{time.Second, time.Minute}, w.schedule("paid"))
	require.Nil(t, w.schedule("other"))
	require.Nil(t, w.schedule("unheard of"))
	testkit.Eventually(t, func() bool { return w.schedule("none") != nil }, "no retries is a schedule")

	w.setSchedule("paid", time.Hour)
	testkit.Eventually(t, func() bool { return len(w.schedule("paid")) == 1 }, "the change is seen")
	require.NoError(t, w.other.DeleteEventType(t.Context(), "paid"))
	testkit.Eventually(t, func() bool { return w.schedule("paid") == nil }, "it is gone")
}

// TestRetryScheduleIsRemembered reads schedules when the database cannot be asked.
func TestRetryScheduleIsRemembered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.other.CreateEventType(t.Context(), &store.EventType{Name: "paid"}))
	w.setSchedule("paid", time.Second)
	show := w.hide()
	_, err := w.RetrySchedule(t.Context(), "paid")
	require.Error(t, err, "not known is not the same as none")
	show()
	require.Equal(t, []time.Duration{time.Second}, w.schedule("paid"))
	show = w.hide()
	require.Equal(t, []time.Duration{time.Second}, w.schedule("paid"), "nobody was asked")
	w.types.changed()
	require.Equal(t, []time.Duration{time.Second}, w.schedule("paid"), "nobody could be asked")
	show()
	w.setSchedule("paid", time.Minute)
	require.Equal(t, []time.Duration{time.Minute}, w.schedule("paid"))
}
