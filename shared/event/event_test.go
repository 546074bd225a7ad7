package event_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/postrider/postrider/shared/event"
)

func genID(t *rapid.T, label string) event.ID {
	return event.ID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, label))
}

func TestNewIDIncreases(t *testing.T) {
	t.Parallel()
	before := time.Now()
	ids := make([]event.ID, 10_000)
	for i := range ids {
		ids[i] = event.NewID()
	}
	require.True(t, slices.IsSortedFunc(ids, func(a, b event.ID) int { return slices.Compare(a[:], b[:]) }))
	for _, id := range ids {
		require.Equal(t, byte(7), id[6]>>4, "version")
		require.Equal(t, byte(2), id[8]>>6, "variant")
	}
	require.WithinRange(t, ids[0].Time(), before.Add(-time.Millisecond), time.Now())
}

func TestFloorIDBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(0, 1<<36).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds"))
		floor := event.FloorID(at)
		require.WithinRange(t, floor.Time(), at.Add(-time.Microsecond), at)
		require.Equal(t, floor, event.FloorID(floor.Time()), "exact when taken back and forth")
		earlier := event.FloorID(at.Add(-time.Microsecond))
		require.LessOrEqual(t, slices.Compare(earlier[:], floor[:]), 0)
	})
}

func TestKindTextRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := genID(t, "a"), genID(t, "b")
		textA, textB := event.Message.Format(a), event.Message.Format(b)
		require.Len(t, textA, len("msg_")+27)
		back, err := event.Message.Parse(textA)
		require.NoError(t, err)
		require.Equal(t, a, back)
		require.Equal(t, slices.Compare(a[:], b[:]), strings.Compare(textA, textB), "texts sort like ids")
	})
}

func TestKindParseRefuses(t *testing.T) {
	t.Parallel()
	good := event.Message.Format(event.NewID())
	swapped := []byte(good)
	for i := len(swapped) - 1; i > 5; i-- { // two different neighbours, near the end
		if swapped[i] != swapped[i-1] {
			swapped[i], swapped[i-1] = swapped[i-1], swapped[i]
			break
		}
	}
	for name, text := range map[string]string{
		"nothing":          "",
		"only the prefix":  "msg_",
		"another kind":     event.Endpoint.Format(event.NewID()),
		"relabelled":       "ep_" + good[len("msg_"):],
		"too short":        good[:len(good)-1],
		"too long":         good + "0",
		"a digit too many": "msg_" + strings.Repeat("z", 27),
		"no digit":         good[:10] + "-" + good[11:],
		"mistyped":         string(swapped),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kind := event.Message
			if name == "relabelled" {
				kind = event.Endpoint
			}
			_, err := kind.Parse(text)
			require.ErrorIs(t, err, event.ErrBadID)
		})
	}
}

func genTime(t *rapid.T, label string) time.Time {
	return time.Unix(0, rapid.Int64Range(0, 1<<62).Draw(t, label)).UTC()
}

func genTrace(t *rapid.T) event.Trace {
	return rapid.SampledFrom([]event.Trace{"", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}).Draw(t, "trace")
}

// TestTraceID: also of what is none.
func TestTraceID(t *testing.T) {
	t.Parallel()
	require.Equal(t, "0af7651916cd43dd8448eb211c80319c", event.Trace("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").ID())
	require.Empty(t, event.Trace("").ID())
	require.Empty(t, event.Trace("00-short").ID())
}

func genEvent(t *rapid.T) event.Event {
	e := event.Event{
		ID: genID(t, "id"), Tenant: genID(t, "tenant"),
		Type:     rapid.String().Draw(t, "type"),
		Channels: rapid.SliceOfN(rapid.StringMatching(`[a-z]+`), 0, 3).Draw(t, "channels"),
		Priority: rapid.SampledFrom([]event.Priority{"", event.High, event.Low}).Draw(t, "priority"),
		Version:  rapid.Int64Min(0).Draw(t, "version"),
		Tx:       rapid.Uint64().Draw(t, "tx"),
		Recheck:  rapid.Bool().Draw(t, "recheck"),
		Round:    rapid.Int64Min(0).Draw(t, "round"),
		Trace:    genTrace(t),
		Payload:  rapid.SliceOf(rapid.Byte()).Draw(t, "payload"),
	}
	if rapid.Bool().Draw(t, "for one endpoint") {
		e.Endpoint = genID(t, "endpoint")
		e.DeliverAt, e.Expires = genTime(t, "deliver at"), genTime(t, "expires")
	}
	e.Type = strings.ToValidUTF8(e.Type, "?")
	if len(e.Channels) == 0 {
		e.Channels = nil
	}
	return e
}

func TestEventFramesRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOfN(rapid.Custom(genEvent), 1, 5).Draw(t, "events")
		var data []byte
		for i := range events {
			var err error
			data, err = events[i].Append(data)
			require.NoError(t, err)
		}
		back, err := event.DecodeEvents(data)
		require.NoError(t, err)
		require.Equal(t, events, back)
	})
}

func TestDeliveryRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := event.Delivery{
			Event: genID(t, "event"), Tenant: genID(t, "tenant"), Endpoint: genID(t, "endpoint"),
			Type: "invoice.paid", Priority: event.Low, Version: 7, Tx: rapid.Uint64().Draw(t, "tx"),
			Missed:    rapid.Bool().Draw(t, "missed"),
			Attempt:   rapid.IntRange(0, 1000).Draw(t, "attempt"), // 0 is of a dead letter
			Deferrals: rapid.IntRange(0, 1000).Draw(t, "deferrals"),
			Due:       genTime(t, "due"),
			Expires:   genTime(t, "expires"),
			Reason:    "timeout",
			Recheck:   rapid.Bool().Draw(t, "recheck"),
			Round:     rapid.Int64Min(0).Draw(t, "round"),
			Trace:     genTrace(t),
			Referred:  rapid.Bool().Draw(t, "referred"),
			Payload:   rapid.SliceOf(rapid.Byte()).Draw(t, "payload"),
		}
		if rapid.Bool().Draw(t, "in a run") {
			d.Run = genID(t, "run")
		}
		data, err := d.Encode()
		require.NoError(t, err)
		back, err := event.DecodeDelivery(data)
		require.NoError(t, err)
		require.Equal(t, &d, back)
	})
}

func TestDeliveryKeyNamesTheHandOver(t *testing.T) {
	t.Parallel()
	base := event.Delivery{Event: event.NewID(), Endpoint: event.NewID(), Tenant: event.NewID(), Attempt: 1}
	copied := base
	copied.Version, copied.Recheck = 9, true
	require.Equal(t, base.Key(), copied.Key(), "a copy has the same key")
	seen := map[string]bool{base.Key(): true}
	for name, change := range map[string]func(*event.Delivery){
		"another event":    func(d *event.Delivery) { d.Event = event.NewID() },
		"another endpoint": func(d *event.Delivery) { d.Endpoint = event.NewID() },
		"another attempt":  func(d *event.Delivery) { d.Attempt = 2 },
		"a run":            func(d *event.Delivery) { d.Run = event.NewID() },
		"not sent":         func(d *event.Delivery) { *d = d.NotSent() },
		"put off":          func(d *event.Delivery) { d.Deferrals = 1 },
		"put off again":    func(d *event.Delivery) { d.Deferrals = 2 },
		"lost":             func(d *event.Delivery) { d.Round = 1 },
		"lost again":       func(d *event.Delivery) { d.Round = 2 },
	} {
		d := base
		change(&d)
		require.False(t, seen[d.Key()], name)
		seen[d.Key()] = true
	}
}

func TestClassAndLane(t *testing.T) {
	t.Parallel()
	d := event.Delivery{Tenant: event.NewID(), Attempt: 1}
	require.Equal(t, event.First, d.Class())
	first := d.Lane()
	require.Regexp(t, `^s(0\d|1[0-5])$`, string(first))
	d.Attempt = 2
	require.Equal(t, event.Retry, d.Class())
	require.Regexp(t, `^r0[0-3]$`, string(d.Lane()))
	d.Attempt, d.Run = 1, event.NewID()
	require.Equal(t, event.Replay, d.Class())
	require.Regexp(t, `^p0[0-3]$`, string(d.Lane()))
	d.Attempt = 2
	require.Equal(t, event.Replay, d.Class(), "the retries of a replay too")

	counts := make(map[event.Lane]int)
	for range 16_000 {
		d := event.Delivery{Tenant: event.NewID(), Attempt: 1}
		counts[d.Lane()]++
	}
	for lane, n := range counts {
		require.InDelta(t, 1000, n, 250, "tenants in lane %s", lane)
	}
	require.Len(t, event.Lanes(), 24)
	require.Equal(t, []event.Lane{"p00", "p01", "p02", "p03"}, event.Lanes(event.Replay))
	require.Subset(t, event.Lanes(), slices.Collect(func(yield func(event.Lane) bool) {
		for l := range counts {
			if !yield(l) {
				return
			}
		}
	}))
}

func TestTierFor(t *testing.T) {
	t.Parallel()
	for wait, want := range map[time.Duration]string{
		-time.Second: "1s", 0: "1s", 999 * time.Millisecond: "1s", time.Second: "1s", 4999 * time.Millisecond: "1s",
		5 * time.Second: "5s", 137 * time.Second: "2m", time.Hour - 1: "10m", 10 * time.Hour: "6h", 100 * time.Hour: "24h",
	} {
		require.Equal(t, want, event.TierFor(wait).Name, "wait of %s", wait)
	}
	require.Equal(t, 24*time.Hour, event.LongestTier())
}

// FuzzDecode reads what stages hand to each other: events as ingest publishes
// them, and deliveries on their way to the first attempt, to the next one, to the
// dead letters and out of a task.
func FuzzDecode(f *testing.F) {
	first := event.Delivery{Event: event.NewID(), Tenant: event.NewID(), Endpoint: event.NewID(), Type: "a.b", Attempt: 1, Payload: []byte("{}")}
	retry, dead, replayed := first, first, first
	retry.Attempt, retry.Due, retry.Deferrals, retry.Recheck = 2, time.Now().UTC(), 3, true
	dead.Attempt, dead.Reason, dead.Payload, dead.Referred = 0, "endpoint_disabled", nil, true
	replayed.Run, replayed.Round, replayed.Priority, replayed.Expires = event.NewID(), 4, event.Low, time.Now().UTC()
	for _, d := range []event.Delivery{first, retry, dead, replayed} {
		data, err := d.Encode()
		require.NoError(f, err)
		f.Add(data)
	}
	e := event.Event{ID: first.Event, Tenant: first.Tenant, Type: "a.b", Channels: []string{"c"}, Version: 5, Tx: 6, DeliverAt: time.Now().UTC(), Payload: []byte("{}")}
	data, err := e.Append(nil)
	require.NoError(f, err)
	data, err = e.Append(data)
	require.NoError(f, err)
	f.Add(data)
	f.Add([]byte("{\"size\":-1}\n"))
	f.Add([]byte("{\"size\":1e9}\nx"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if d, err := event.DecodeDelivery(data); err == nil {
			again, err := d.Encode()
			require.NoError(t, err)
			back, err := event.DecodeDelivery(again)
			require.NoError(t, err)
			require.Equal(t, d, back)
		} else {
			require.ErrorIs(t, err, event.ErrBadFrame)
		}
		events, err := event.DecodeEvents(data)
		if err != nil {
			require.ErrorIs(t, err, event.ErrBadFrame)
			return
		}
		again := encoded(t, events)
		back, err := event.DecodeEvents(again)
		require.NoError(t, err)
		require.Equal(t, again, encoded(t, back))
		marked, err := event.DecodeEvents(event.Recheck(data))
		require.NoError(t, err)
		require.Len(t, marked, len(events))
		for i := range marked {
			require.True(t, marked[i].Recheck)
			marked[i].Recheck = events[i].Recheck
		}
		require.Equal(t, again, encoded(t, marked), "nothing else has changed")
	})
}

func encoded(t *testing.T, events []event.Event) (data []byte) {
	t.Helper()
	for i := range events {
		var err error
		data, err = events[i].Append(data)
		require.NoError(t, err)
	}
	return data
}

// FuzzNames reads ids and the subjects of lanes, which come from URLs and from
// streams: each has one text only.
func FuzzNames(f *testing.F) {
	tenant, endpoint := event.NewID(), event.NewID()
	for _, seed := range []string{
		event.Message.Format(endpoint), event.Tenant.Format(tenant), "app_" + strings.Repeat("z", 27), "app_", "",
		"overflow." + event.Tenant.Format(tenant), "deliver.r01." + event.Tenant.Format(tenant) + "." + event.Endpoint.Format(endpoint), "overflow..",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, kind := range []event.Kind{event.Message, event.Tenant, event.Endpoint, event.Attempt, event.Task, event.APIKey} {
			if id, err := kind.Parse(text); err == nil {
				require.Equal(t, text, kind.Format(id))
			}
		}
		lane, err := event.ParseOwnLane(text)
		if err == nil {
			require.Equal(t, text, lane.Subject())
		} else {
			require.ErrorIs(t, err, event.ErrBadLane)
		}
		if _, _, err := event.ParseSubject(text); err != nil {
			require.ErrorIs(t, err, event.ErrBadLane)
		}
	})
}

// FuzzLoad reads what deliver processes say of their load.
func FuzzLoad(f *testing.F) {
	data, err := json.Marshal(event.Load{Tenants: []event.Talker{{Tenant: event.NewID(), Slots: 1, Waiting: 2}}, Endpoints: []event.Talker{{Tenant: event.NewID(), Endpoint: event.NewID()}}})
	require.NoError(f, err)
	f.Add(data)
	f.Add([]byte(`{"Tenants":[null,{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		load, err := event.ParseLoad(data)
		if err != nil {
			require.ErrorIs(t, err, event.ErrBadLoad)
			return
		}
		again, err := json.Marshal(load)
		require.NoError(t, err)
		back, err := event.ParseLoad(again)
		require.NoError(t, err)
		require.Equal(t, load, back)
	})
}
