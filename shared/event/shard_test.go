package event

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestOneShardHasNoNumber(t *testing.T) {
	t.Parallel()
	tenant := NewID()
	require.Equal(t, []Shard{Whole}, Shards(1))
	require.Equal(t, []Shard{Whole}, ShardsOf(tenant, 1))
	require.Equal(t, Whole, ShardOf(tenant, 1))
	require.Equal(t, "DELIVER", Whole.Stream(StreamDeliver))
	require.Equal(t, "events.batch", Whole.Subject(SubjectEvents))
	require.Equal(t, []Shard{Whole, "0", "1", "2"}, Shards(3))
}

// TestTenantsOnlyMoveToNewShards is what makes adding a shard cheap.
func TestTenantsOnlyMoveToNewShards(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tenant := ID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "tenant"))
		n := rapid.IntRange(2, MaxShards-1).Draw(t, "shards")
		before, after := ShardOf(tenant, n), ShardOf(tenant, n+1)
		if before != after {
			require.Equal(t, number(n), after)
		}
		require.Contains(t, Shards(n), before)
		all := ShardsOf(tenant, n)
		require.Equal(t, []Shard{Whole, before}, []Shard{all[0], all[len(all)-1]})
		for k := 1; k <= n; k++ {
			require.Contains(t, all, ShardOf(tenant, k), "where it was with %d", k)
		}
	})
}

// TestTenantsSpread: neither shards, nor the lanes of one, have much more than
// their share.
func TestTenantsSpread(t *testing.T) {
	t.Parallel()
	const tenants, shards = 32_000, 4
	count := make(map[Shard]map[Lane]int)
	for range tenants {
		id := NewID()
		s := ShardOf(id, shards)
		if count[s] == nil {
			count[s] = make(map[Lane]int)
		}
		count[s][LaneOf(First, id)]++
	}
	require.Len(t, count, shards)
	for s, lanes := range count {
		require.Len(t, lanes, len(Lanes(First)))
		for l, n := range lanes {
			require.InDelta(t, tenants/shards/len(Lanes(First)), n, 200, "shard %s, lane %s", s, l) // nine deviations
		}
	}
}

// TestShardSubjects: every subject comes back from every shard as it was.
func TestShardSubjects(t *testing.T) {
	t.Parallel()
	d := &Delivery{Tenant: NewID(), Endpoint: NewID(), Attempt: 1}
	subjects := []string{SubjectEvents, SubjectWide, d.Subject(), OwnLane{Tenant: d.Tenant}.Subject(), OwnLane{d.Tenant, d.Endpoint}.Subject()}
	for _, tier := range Tiers() {
		subjects = append(subjects, tier.Subject())
	}
	for _, subject := range append(subjects, d.DLQSubject(), TaskSubject("resend")) {
		require.Equal(t, subject, Plain(subject))
	}
	for _, s := range Shards(MaxShards) {
		for _, subject := range subjects {
			require.Equal(t, subject, Plain(s.Subject(subject)))
		}
	}
	require.Equal(t, "events.7.batch", Shard("7").Subject(SubjectEvents))
	require.Equal(t, "overflow.7.lane.>", Shard("7").Subject(SubjectsOverflow))
	require.Equal(t, "EVENTS_7", Shard("7").Stream(StreamEvents))
}
