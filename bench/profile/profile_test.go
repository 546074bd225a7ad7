package profile_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/postrider/postrider/bench/profile"
)

// tenMinutes is a day in ten minutes.
func tenMinutes() profile.Profile { return profile.Month(7, 10*time.Minute) }

// anyProfile is one of any shape, small enough for a test.
func anyProfile(t *rapid.T) profile.Profile {
	p := profile.Profile{
		Seed:    rapid.Uint64().Draw(t, "seed"),
		Rate:    rapid.Float64Range(1, 500).Draw(t, "rate"),
		Day:     time.Duration(rapid.Int64Range(int64(2*time.Second), int64(24*time.Hour)).Draw(t, "day")),
		Swing:   rapid.Float64Range(0, 0.9).Draw(t, "swing"),
		Spike:   rapid.Float64Range(0, 20).Draw(t, "spike"),
		Bursts:  rapid.IntRange(0, 4).Draw(t, "bursts"),
		Tenants: rapid.IntRange(1, 1000).Draw(t, "tenants"),
		Skew:    rapid.Float64Range(1.01, 3).Draw(t, "skew"),
	}
	if p.Bursts > 0 {
		p.BurstRate, p.BurstSpan = 1000, 100*time.Millisecond
	}
	return p
}

func TestEvents(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := anyProfile(t)
		require.NoError(t, p.Validate())
		span, last := time.Second, time.Duration(0)
		for e := range p.Events(span) {
			right := e.At >= last && e.At < span && // in the order of time
				e.Tenant >= 0 && e.Tenant < p.Tenants &&
				e.Size >= 200 && e.Size <= profile.MostSize
			require.True(t, right, "%+v after %s", e, last)
			last = e.At
		}
	})
}

// TestSameSeed holds that a seed says everything, also by way of JSON, and that
// another says something else.
func TestSameSeed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := anyProfile(t)
		p.Rate += 100 // enough that two seeds never agree
		text, err := json.Marshal(p)
		require.NoError(t, err)
		var kept profile.Profile
		require.NoError(t, json.Unmarshal(text, &kept))
		require.Equal(t, csvOf(t, p), csvOf(t, kept))
		kept.Seed++
		require.NotEqual(t, csvOf(t, p), csvOf(t, kept))
	})
}

func csvOf(t *rapid.T, p profile.Profile) string {
	var text bytes.Buffer
	require.NoError(t, p.WriteEvents(&text, 2*time.Second))
	return text.String()
}

// TestBytes are the very bytes of a known seed. A change of the generator changes
// them, and then figures of before and after are not of the same load.
func TestBytes(t *testing.T) {
	t.Parallel()
	sum := sha256.New()
	require.NoError(t, tenMinutes().WriteEvents(sum, time.Minute))
	require.NoError(t, tenMinutes().WriteTenants(sum))
	if runtime.GOARCH == "amd64" { // others may round otherwise
		require.Equal(t, "ad2e0fd9357869073bc5b7d57d376597c675b925ada8da569334c9ec6223d6fc", hex.EncodeToString(sum.Sum(nil)))
	}
}

// TestTotal: what comes on a whole day is the average, whatever the day is like.
// The number of events is Poisson's, and six deviations are one seed in a billion.
func TestTotal(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := anyProfile(t)
		p.Day, p.BurstSpan = 10*time.Second, 50*time.Millisecond
		usual, burst := 0.0, 0.0
		for e := range p.Events(2 * p.Day) {
			if e.Burst {
				burst++
			} else {
				usual++
			}
		}
		expected := p.Rate * 20
		require.InDelta(t, expected, usual, 6*math.Sqrt(expected)+1)
		expected = 2 * float64(p.Bursts) * p.BurstRate * p.BurstSpan.Seconds()
		require.InDelta(t, expected, burst, 6*math.Sqrt(expected)+1)
	})
}

// TestMonth looks at a compressed day of the real thing.
func TestMonth(t *testing.T) {
	t.Parallel()
	p := tenMinutes()
	require.NoError(t, p.Validate())
	require.InDelta(t, 386, p.Rate, 0.5)
	require.Equal(t, 12, profile.Month(1, 24*time.Hour).Bursts)

	usual, sizes := 0, 0
	half, large := 0, 0
	byTenant := make([]float64, p.Tenants)
	byHour := make([]float64, 24)
	var first, last time.Duration
	ofBurst, burstTenants := 0, map[int]bool{}
	for e := range p.Events(p.Day) {
		if e.Burst {
			if ofBurst++; ofBurst == 1 {
				first = e.At
			}
			last, burstTenants[e.Tenant] = e.At, true
			continue
		}
		usual++
		byTenant[e.Tenant]++
		byHour[e.At/(p.Day/24)]++
		sizes += e.Size
		if e.Size > 1024 {
			half++
		}
		if e.Size > 64<<10 {
			large++
		}
	}
	require.InEpsilon(t, 386*600, usual, 0.02)
	require.InEpsilon(t, 4, byHour[15]/byHour[3], 0.1, "the afternoon and the night")

	require.Len(t, burstTenants, 1)
	require.InEpsilon(t, 15_432*10, ofBurst, 0.02)
	require.InDelta(t, 10, (last - first).Seconds(), 0.1, "its seconds stay seconds")

	require.InEpsilon(t, 0.5, float64(half)/float64(usual), 0.02, "half are above 1 KiB")
	require.InEpsilon(t, 2100, float64(sizes)/float64(usual), 0.05)
	require.Positive(t, large, "some do not travel inside messages")

	// By the law of Zipf, the nth has its share of what the first has.
	require.InEpsilon(t, 0.13, byTenant[0]/float64(usual), 0.1)
	for _, n := range []int{1, 4, 9} {
		require.InEpsilon(t, math.Pow(float64(n+1), -p.Skew), byTenant[n]/byTenant[0], 0.1)
	}
	active := 0
	for _, n := range byTenant {
		if n > 0 {
			active++
		}
	}
	require.Greater(t, active, p.Tenants*3/4, "nearly everybody has some in a day of 231,000")
}

// TestSpikes looks at the seconds after full and half hours of a real day.
func TestSpikes(t *testing.T) {
	t.Parallel()
	p := profile.Month(3, 24*time.Hour)
	p.Swing, p.Bursts, p.Rate = 0, 0, 100
	var at [3]float64 // the first ten seconds of an hour, of its second half, and of its second quarter
	for e := range p.Events(2 * time.Hour) {
		switch second := e.At % time.Hour / time.Second; {
		case second < 10:
			at[0]++
		case second >= 1800 && second < 1810:
			at[1]++
		case second >= 900 && second < 910:
			at[2]++
		}
	}
	require.InEpsilon(t, 7.4, at[0]/at[2], 0.1)
	require.InEpsilon(t, 4.2, at[1]/at[2], 0.1)
}

// TestTenants: shares are those of tenants and endpoints, and about those of the
// busy ones too.
func TestTenants(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := profile.Month(rapid.Uint64().Draw(t, "seed"), 24*time.Hour)
		p.Slow, p.Failing, p.Dead = 0.2, 0.1, 0.03
		for _, tenants := range []int{1000, 3000} {
			fanOut, health, endpoints := map[int]float64{}, map[profile.Health]float64{}, 0.0
			for tenant := range tenants {
				all := p.Endpoints(tenant)
				fanOut[len(all)]++
				for _, h := range all {
					health[h]++
					endpoints++
				}
			}
			for _, f := range p.FanOut {
				require.InDelta(t, f.Share, fanOut[f.Endpoints]/float64(tenants), 0.005)
			}
			require.InDelta(t, 0.2, health[profile.Slow]/endpoints, 0.03)
			require.InDelta(t, 0.1, health[profile.Failing]/endpoints, 0.03)
			require.InDelta(t, 0.03, health[profile.Dead]/endpoints, 0.02)
			require.InDelta(t, 0.67, health[profile.Healthy]/endpoints, 0.03)
		}
	})
}

func TestEven(t *testing.T) {
	t.Parallel()
	p := profile.Even(1, 500, 100)
	require.NoError(t, p.Validate())
	require.Equal(t, []profile.Health{profile.Healthy}, p.Endpoints(42))
	n := 0
	for e := range p.Events(10 * time.Second) {
		require.False(t, e.Burst)
		n++
	}
	require.InDelta(t, 5000, n, 6*math.Sqrt(5000))
}

// TestMemory makes many events of a month with what a few take.
func TestMemory(t *testing.T) { // alone, as it counts what everybody allocates
	p := profile.Month(1, 24*time.Hour)
	allocations := func(span time.Duration) float64 {
		return testing.AllocsPerRun(1, func() {
			for range p.Events(span) {
			}
		})
	}
	require.InDelta(t, allocations(time.Second), allocations(10*time.Minute), 10)
}

func TestCSV(t *testing.T) {
	t.Parallel()
	p := tenMinutes()
	p.Tenants = 50
	var text bytes.Buffer
	require.NoError(t, p.WriteEvents(&text, time.Second))
	rows, err := csv.NewReader(&text).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"at", "tenant", "endpoints", "bytes", "burst"}, rows[0])
	n := 0
	for e := range p.Events(time.Second) {
		n++
		at, err := strconv.ParseFloat(rows[n][0], 64)
		require.NoError(t, err)
		require.InDelta(t, e.At.Seconds(), at, 1e-6)
		require.Equal(t, []string{
			strconv.Itoa(e.Tenant), strconv.Itoa(len(p.Endpoints(e.Tenant))), strconv.Itoa(e.Size), strconv.FormatBool(e.Burst),
		}, rows[n][1:])
	}
	require.Len(t, rows, n+1)

	text.Reset()
	require.NoError(t, p.WriteTenants(&text))
	rows, err = csv.NewReader(&text).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"tenant", "endpoint", "health"}, rows[0])
	require.Equal(t, []string{"0", "0", string(p.Endpoints(0)[0])}, rows[1])

	require.ErrorContains(t, p.WriteEvents(full{}, time.Hour), "write events: no room")
	require.ErrorContains(t, p.WriteTenants(full{}), "write tenants: no room")
}

// full is a disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no room") }

func TestValidate(t *testing.T) {
	t.Parallel()
	err := profile.Profile{Swing: 1, Spike: -1, Bursts: 1, Slow: 2, FanOut: []profile.FanOut{{Share: -1}}}.Validate()
	for _, word := range []string{"rate", "day", "swing", "spike", "tenants", "skew", "burst rate", "fit into", "ill", "fan-out"} {
		require.ErrorContains(t, err, word)
	}
}
