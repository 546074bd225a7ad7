package service

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/testkit"
)

// TestShowBacklog: nothing is shown before anything was seen, and what was seen last
// while nobody can look; servers that are slow to answer are asked less often.
func TestShowBacklog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewPedanticRegistry()
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		looks, answer, failure, takes := 0, bus.Holding{}, errors.New("away"), time.Duration(0)
		will := func(a bus.Holding, err error, after time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			answer, failure, takes = a, err, after
		}
		looked := func() int {
			mu.Lock()
			defer mu.Unlock()
			return looks
		}
		ended := make(chan error, 1)
		go func() {
			ended <- Env{Reg: reg, Log: testkit.Log(t)}.ShowBacklog(ctx, func(ctx context.Context) (bus.Holding, error) {
				mu.Lock()
				looks++
				a, err, after := answer, failure, takes
				mu.Unlock()
				select {
				case <-time.After(after):
				case <-ctx.Done():
					return bus.Holding{}, ctx.Err()
				}
				return a, err
			})
		}()
		shown := func() (values []float64) {
			families, err := reg.Gather()
			require.NoError(t, err)
			for _, f := range families {
				values = append(values, f.GetMetric()[0].GetGauge().GetValue())
			}
			return values
		}
		synctest.Wait()
		require.Empty(t, shown())

		will(bus.Holding{Messages: 7, Oldest: time.Now()}, nil, 0)
		time.Sleep(backlogEvery)
		synctest.Wait()
		require.Equal(t, []float64{7, backlogEvery.Seconds()}, shown())

		will(bus.Holding{}, errors.New("away again"), 0)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, []float64{7, (time.Minute + backlogEvery).Seconds()}, shown())

		will(bus.Holding{}, nil, time.Hour) // and longer than it may
		time.Sleep(backlogEvery + backlogTimeout)
		before := looked()
		time.Sleep(backlogShare*backlogTimeout - time.Second)
		require.Equal(t, before, looked())
		will(bus.Holding{}, nil, 0)
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, before+1, looked())
		require.Equal(t, []float64{0, 0}, shown())
		cancel()
		require.NoError(t, <-ended)
	})
}
