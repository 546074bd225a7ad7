package deliver

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

// model is what is outside of a window: events that were accepted, what became of
// them, and their messages, which come in any order.
type model struct {
	*rapid.T

	window   window
	now      time.Time
	accepted []event.Delivery // in order
	at       map[event.Place]time.Time
	done     map[event.Place]bool
	onTheWay []event.Delivery
	ahead    map[event.ID][]event.Place // of what has no order: what it must not overtake
	served   []event.Delivery
}

func (m *model) accept(n int) {
	tx := uint64(1)
	if len(m.accepted) > 0 {
		tx = m.accepted[len(m.accepted)-1].Tx + 1
	}
	var batch []event.Delivery
	for range n {
		id := event.FloorID(m.now.Add(time.Duration(rapid.IntRange(-900, 900).Draw(m.T, "clock")) * time.Millisecond))
		binary.BigEndian.PutUint32(id[12:], uint32(len(m.accepted)+len(batch)))
		batch = append(batch, event.Delivery{Event: id, Tx: tx, Attempt: 1})
	}
	slices.SortFunc(batch, func(x, y event.Delivery) int { return x.Place().Compare(y.Place()) })
	for _, d := range batch {
		m.at[d.Place()] = m.now
	}
	m.accepted = append(m.accepted, batch...)
	m.onTheWay = append(m.onTheWay, batch...)
}

func (m *model) arrive() {
	if len(m.onTheWay) == 0 || m.window.room() == 0 {
		return
	}
	i := rapid.IntRange(0, len(m.onTheWay)-1).Draw(m.T, "which")
	d := m.onTheWay[i]
	if rapid.IntRange(0, 4).Draw(m.T, "once") > 0 { // else a copy stays
		m.onTheWay = slices.Delete(m.onTheWay, i, i+1)
	}
	if _, copied := m.ahead[d.Run]; d.Tx == 0 && !copied {
		m.ahead[d.Run] = nil
		for _, h := range m.window.held {
			m.ahead[d.Run] = append(m.ahead[d.Run], h.delivery.Place())
		}
	}
	m.window.put(&bus.Msg{}, &d)
}

// step does what orderedLane does, without waiting.
func (m *model) step() {
	h, ask, _ := m.window.next(m.now)
	switch {
	case ask:
		q := m.window.ask(2*time.Second, time.Minute)
		made := make(map[store.Leg]store.Attempt)
		for _, h := range q.about {
			if m.done[h.delivery.Place()] && h.delivery.Tx > 0 {
				made[h.leg()] = store.Attempt{Outcome: store.OutcomeSuccess}
			}
		}
		m.window.answer(q, made, m.unknown(q), m.now)
	case h != nil && h.made != nil:
		m.window.done()
	case h != nil:
		m.check(h.delivery)
		m.served = append(m.served, *h.delivery)
		if h.delivery.Tx > 0 {
			m.done[h.delivery.Place()] = true
		}
		m.window.done()
	}
}

// unknown is what the database would answer.
func (m *model) unknown(q question) (unknown []event.Place) {
	for _, d := range m.accepted {
		p, at := d.Place(), d.Event.Time()
		if !m.done[p] && p.Compare(q.span.After) > 0 && p.Compare(q.span.Before) < 0 && !at.Before(q.span.Since) && at.Before(q.span.Until) {
			unknown = append(unknown, p)
		}
	}
	return unknown[:min(len(unknown), windowFull)]
}

// check holds what starts against what it must not overtake.
func (m *model) check(d *event.Delivery) {
	if d.Tx == 0 {
		for _, p := range m.ahead[d.Run] {
			require.True(m.T, p.Tx == 0 || m.done[p], "what has no order goes behind what was there")
		}
		return
	}
	require.False(m.T, m.done[d.Place()], "twice")
	for _, before := range m.accepted {
		if p := before.Place(); p.Compare(d.Place()) < 0 && !m.done[p] {
			require.GreaterOrEqual(m.T, m.now.Sub(m.at[p]), missingFor, "overtakes what was not waited for long enough")
		}
	}
}

// TestWindow: whatever the order in which messages come, however often, and whatever
// comes never, each is started once, and none before all that was accepted
// earlier, unless that did not come for as long as is waited for it.
func TestWindow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := &model{
			T: t, now: time.Unix(1_800_000_000, 0),
			at: make(map[event.Place]time.Time), done: make(map[event.Place]bool), ahead: make(map[event.ID][]event.Place),
		}
		t.Repeat(map[string]func(*rapid.T){
			"accept": func(t *rapid.T) { m.T = t; m.accept(rapid.IntRange(1, 4).Draw(t, "batch")) },
			"run": func(t *rapid.T) {
				m.T = t
				m.onTheWay = append(m.onTheWay, event.Delivery{Event: event.FloorID(m.now), Run: event.NewID(), Attempt: 1})
			},
			"arrive": func(t *rapid.T) { m.T = t; m.arrive() },
			"step":   func(t *rapid.T) { m.T = t; m.step() },
			"wait": func(t *rapid.T) {
				m.now = m.now.Add(rapid.SampledFrom([]time.Duration{time.Millisecond, askAgain, missingFor / 2}).Draw(t, "pass"))
			},
			"lose": func(t *rapid.T) {
				if len(m.onTheWay) > 0 && m.onTheWay[0].Tx > 0 {
					m.onTheWay = m.onTheWay[1:]
				}
			},
			"": func(t *rapid.T) {
				require.LessOrEqual(t, len(m.window.held), windowFull)
				require.True(t, slices.IsSortedFunc(m.window.held, func(x, y *held) int { return x.place.Compare(y.place) }))
			},
		})
		m.T = t
		for range 20 * (len(m.window.held) + 1) {
			m.now = m.now.Add(askAgain)
			m.step()
		}
		m.now = m.now.Add(missingFor)
		for range 3 * (len(m.window.held) + 1) {
			m.now = m.now.Add(askAgain)
			m.step()
		}
		require.Empty(t, m.window.held, "everything that came has its turn")
	})
}

// TestMissingOnesAreWaitedForTogether: ten that do not come cost the missingFor of one.
func TestMissingOnesAreWaitedForTogether(t *testing.T) {
	t.Parallel()
	var w window
	now := time.Unix(1_800_000_000, 0)
	place := func(n int) event.Place { return event.Place{Tx: uint64(n), Event: event.ID{15: byte(n)}} }
	var unknown []event.Place
	for n := 1; n <= 21; n++ {
		if n%2 == 0 {
			unknown = append(unknown, place(n))
			continue
		}
		w.put(&bus.Msg{}, &event.Delivery{Tx: uint64(n), Event: place(n).Event, Attempt: 1})
	}
	answer := func() int { return w.answer(w.ask(0, 0), nil, unknown, now) }
	require.Zero(t, answer())
	require.Equal(t, place(1), w.known)
	h, ask, _ := w.next(now)
	require.False(t, ask)
	require.Equal(t, place(1), h.place)
	w.done()
	h, ask, again := w.next(now)
	require.Nil(t, h)
	require.False(t, ask)
	require.Equal(t, now.Add(askAgain), again)
	require.Greater(t, w.room(), windowSize)

	w.put(&bus.Msg{}, &event.Delivery{Tx: 4, Event: place(4).Event, Attempt: 1})
	_, ask, _ = w.next(now)
	require.True(t, ask, "one of them has come")
	now = now.Add(missingFor)
	require.Equal(t, len(unknown)-1, answer())
	require.Equal(t, place(21), w.known)
}
