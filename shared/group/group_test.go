package group_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/postrider/postrider/shared/group"
)

func TestRunGathersWhatCameWhileItCommitted(t *testing.T) {
	t.Parallel()
	in := make(chan int, 100)
	committing, goOn := make(chan struct{}), make(chan struct{})
	var groups [][]int
	var done sync.WaitGroup
	done.Go(func() {
		group.Run(in, 5, func(g []int) {
			groups = append(groups, slices.Clone(g))
			committing <- struct{}{}
			<-goOn
		})
	})
	in <- 0
	<-committing
	for i := range 7 {
		in <- i + 1
	}
	close(in)
	for range 2 {
		goOn <- struct{}{}
		<-committing
	}
	goOn <- struct{}{}
	done.Wait()
	require.Equal(t, [][]int{{0}, {1, 2, 3, 4, 5}, {6, 7}}, groups)
}

func TestPacedWaitsForMore(t *testing.T) {
	t.Parallel()
	const every = time.Second
	synctest.Test(t, func(t *testing.T) {
		in := make(chan int)
		var groups [][]int
		var at []time.Duration
		began := time.Now()
		var done sync.WaitGroup
		done.Go(func() {
			group.Paced(in, 3, every, func(n int) bool { return n < 0 }, func(g []int) {
				groups, at = append(groups, slices.Clone(g)), append(at, time.Since(began))
			})
		})
		in <- 1 // does not wait
		synctest.Wait()
		in <- 2
		in <- 3
		time.Sleep(2 * every) // they have waited for one
		in <- 4
		synctest.Wait()
		in <- 5
		in <- -6 // does not wait, nor does what has come before it
		synctest.Wait()
		in <- 7
		in <- 8
		in <- 9 // the group is full
		synctest.Wait()
		in <- 10
		close(in) // nothing more can come
		done.Wait()
		require.Equal(t, [][]int{{1}, {2, 3}, {4}, {5, -6}, {7, 8, 9}, {10}}, groups)
		require.Equal(t, []time.Duration{0, every, 2 * every, 2 * every, 2 * every, 2 * every}, at)
	})
}

func TestRunKeepsOrderAndBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		items := rapid.SliceOf(rapid.IntRange(0, 50)).Draw(t, "items")
		most := rapid.IntRange(1, 10).Draw(t, "most")
		in := make(chan int, len(items))
		for _, item := range items {
			in <- item
		}
		close(in)
		var got []int
		group.Run(in, most, func(g []int) {
			require.NotEmpty(t, g)
			require.LessOrEqual(t, len(g), most)
			got = append(got, g...)
		})
		require.True(t, slices.Equal(items, got), "%v became %v", items, got)
	})
}

var errBad = errors.New("bad data")

func TestIsolate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		items := rapid.SliceOfN(rapid.IntRange(0, 9), 1, 40).Draw(t, "items")
		done := 0
		work := func(g []int) error {
			if slices.Contains(g, 0) {
				return errBad
			}
			done += len(g)
			return nil
		}
		var order []int
		group.Isolate(items, func(err error) bool { return errors.Is(err, errBad) }, work, func(n int, err error) {
			order = append(order, n)
			require.Equal(t, n == 0, errors.Is(err, errBad), "only the bad item fails")
		})
		require.Equal(t, items, order)
		require.Equal(t, len(slices.DeleteFunc(items, func(n int) bool { return n == 0 })), done)
	})
}

func TestIsolateGivesEverybodyWhatIsNobodysFault(t *testing.T) {
	t.Parallel()
	away := errors.New("database is away")
	calls, failed := 0, 0
	group.Isolate([]int{1, 2, 3}, func(error) bool { return false },
		func([]int) error { calls++; return away },
		func(_ int, err error) {
			require.ErrorIs(t, err, away)
			failed++
		})
	require.Equal(t, 1, calls)
	require.Equal(t, 3, failed)
}
