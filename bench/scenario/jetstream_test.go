package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/bench/receiver"
	"github.com/postrider/postrider/shared/stack"
)

func seen(stream, name string, made int64, delivered int64) consumer {
	c := consumer{Stream: stream, Name: name, Created: time.Unix(made, 0)}
	c.Delivered.Consumer = delivered
	return c
}

func TestLanes(t *testing.T) {
	t.Parallel()
	l := newLanes()
	l.see([]consumer{seen("DELIVER", "s00", 1, 5), seen("OVERFLOW", "a", 2, 10), seen("OVERFLOW", "b", 2, 1)})
	l.see([]consumer{seen("DELIVER", "s00", 1, 6), seen("OVERFLOW", "a", 2, 30)})
	l.see([]consumer{seen("DELIVER", "s00", 1, 6), seen("OVERFLOW", "a", 3, 4)}) // made anew
	l.see(nil)
	require.Equal(t, 1, l.most("DELIVER"))
	require.Equal(t, 2, l.most("OVERFLOW"))
	require.Equal(t, 0, l.most("RETRY"))
	require.Equal(t, int64(35), l.deliveries("OVERFLOW"))
	require.Equal(t, int64(6), l.deliveries("DELIVER"))
}

const jsz = `{"account_details":[{"name":"$G","stream_detail":[
  {"name":"EVENTS","state":{"messages":0},"consumer_detail":[]},
  {"name":"DELIVER","state":{"messages":3},"consumer_detail":[
    {"stream_name":"DELIVER","name":"s00","created":"2026-11-21T13:00:00.5Z","delivered":{"consumer_seq":7,"stream_seq":9}}]},
  {"name":"RETRY","state":{"messages":40}}]}]}`

func TestWatch(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	nats := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write([]byte(jsz))
	}))
	defer nats.Close()
	w := watchConsumers(t.Context(), nats.URL)
	defer w.close()
	lanes, err := w.end()
	require.NoError(t, err)
	require.GreaterOrEqual(t, asked.Load(), int64(2), "at the beginning and at the end")
	require.Equal(t, int64(7), lanes.deliveries("DELIVER"))
	require.Equal(t, 1, lanes.most("DELIVER"))

	s := &system{Stack: &stack.Stack{MonitorURL: nats.URL}}
	waiting, err := s.settled(t.Context(), time.Minute)
	require.NoError(t, err)
	require.Equal(t, int64(43), waiting)
}

func TestRamp(t *testing.T) {
	t.Parallel()
	c := receiver.Counts{Seconds: []int64{1, 4, 9, 16}}
	require.Equal(t, "1 4 9", firstOf(c, 3))
	require.Equal(t, "1 4 9 16", firstOf(c, 10))
	require.Equal(t, int64(25), lastOf(c, 2))
	require.Equal(t, int64(30), lastOf(c, 10))
	require.Zero(t, lastOf(receiver.Counts{}, 10))
}

// TestBusiest asks workers of which one is started anew between two looks.
func TestBusiest(t *testing.T) {
	t.Parallel()
	made := map[string]*atomic.Int64{"deliver": {}, "deliver-2": {}}
	w := &workers{attempts: map[string]float64{}, names: []string{"deliver", "deliver-2"}, admin: map[string]string{}}
	for name, n := range made {
		server := httptest.NewServer(http.HandlerFunc(func(to http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(to, "postrider_delivery_attempts_total{outcome=\"success\"} %d\n", n.Load())
		}))
		defer server.Close()
		w.admin[name] = server.URL
	}
	for _, step := range []struct {
		one, two int64
		busiest  string
	}{
		{5, 9, "deliver-2"},
		{15, 10, "deliver"},
		{17, 4, "deliver-2"},
		{17, 4, "deliver"},
	} {
		made["deliver"].Store(step.one)
		made["deliver-2"].Store(step.two)
		name, err := w.busiest(t.Context())
		require.NoError(t, err)
		require.Equal(t, step.busiest, name)
	}
	w.admin["deliver"] = "http://127.0.0.1:1"
	_, err := w.busiest(t.Context())
	require.ErrorContains(t, err, "ask worker")
}
