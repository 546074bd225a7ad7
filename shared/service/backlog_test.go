package service

import (
	"context"
	"errors"
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
		looks, answer, failure, takes := 0, bus.Holding{}, errors.New("away"), time.Duration(0)
		ended := make(chan error, 1)
		go func() {
			ended <- Env{Reg: reg, Log: testkit.Log(t)}.ShowBacklog(ctx, func(ctx context.Context) (bus.Holding, error) {
				looks++
				select {
				case <-time.After(takes):
				case <-ctx.Done():
					return bus.Holding{}, ctx.Err()
				}
				return answer, failure
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

		answer, failure = bus.Holding{Messages: 7, Oldest: time.Now()}, nil
		time.Sleep(backlogEvery)
		synctest.Wait()
		require.Equal(t, []float64{7, backlogEvery.Seconds()}, shown())

		failure = errors.New("away again")
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, []float64{7, (time.Minute + backlogEvery).Seconds()}, shown())

		answer, failure, takes = bus.Holding{}, nil, time.Hour // and longer than it may
		time.Sleep(backlogEvery + backlogTimeout)
		before := looks
		time.Sleep(backlogShare*backlogTimeout - time.Second)
		require.Equal(t, before, looks)
		takes = 0
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, before+1, looks)
		require.Equal(t, []float64{0, 0}, shown())
		cancel()
		require.NoError(t, <-ended)
	})
}
