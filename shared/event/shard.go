package event

import (
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
)

// MaxShards is how many shards there can be.
const MaxShards = 32

// Shard is one of the parts that EVENTS, DELIVER, OVERFLOW and RETRY are divided
// into when one stream each, with one leader, is not enough. A tenant has all that
// is new in one of them. Its text is its number, which the names of its streams end
// in and which is the second token of their subjects.
type Shard string

// Whole is the shard of the streams without a number. With one shard it is the
// only one. With more nothing new comes into it, but what was there before, or comes
// from a process that has not heard of the others, is worked off like all else.
const Whole Shard = ""

// Shards lists all shards, in the order in which they were added: what n shards
// are, n+1 begin with.
func Shards(n int) []Shard {
	shards := []Shard{Whole}
	for i := 0; n > 1 && i < n; i++ {
		shards = append(shards, number(i))
	}
	return shards
}

// ShardOf is where what is new of the tenant goes, of n shards. When shards are
// added only some tenants move, and only to those.
func ShardOf(tenant ID, n int) Shard {
	if n <= 1 {
		return Whole
	}
	h := fnv.New64a()
	_, _ = h.Write(tenant[:])
	return number(jump(h.Sum64(), n))
}

// ShardsOf lists where there may be something of the tenant when there are n shards
// now and may have been fewer before: the oldest first, and ShardOf last.
func ShardsOf(tenant ID, n int) []Shard {
	shards := []Shard{Whole}
	for k := 2; k <= n; k++ {
		shards = append(shards, ShardOf(tenant, k))
	}
	return slices.Compact(shards)
}

// jump is the consistent hash of Lamping and Veach (arXiv:1406.2294): which of n
// buckets, so that with one more each key stays or goes to the new one. It must be
// the same in all processes, of any version.
func jump(key uint64, n int) int {
	bucket, next := int64(-1), int64(0)
	for next < int64(n) {
		bucket = next
		key = key*2862933555777941757 + 1
		next = int64(float64(bucket+1) * (float64(1<<31) / float64(key>>33+1)))
	}
	return int(bucket)
}

func number(i int) Shard { return Shard(strconv.Itoa(i)) }

// Stream is the name of one of the divided streams in the shard.
func (s Shard) Stream(name string) string {
	if s == Whole {
		return name
	}
	return name + "_" + string(s)
}

// Subject is a subject of one of the divided streams, or a filter that begins with
// the stream's name, as it is in the shard.
func (s Shard) Subject(subject string) string {
	if s == Whole {
		return subject
	}
	stream, path, _ := strings.Cut(subject, ".")
	return stream + "." + string(s) + "." + infix(stream) + path
}

// infix is what stands between the number and the rest. The subjects of a stream
// without a number must not be such as those with one could be, or the server would
// not have both streams; and overflow.<tenant>.<endpoint> is as long as
// overflow.<number>.<tenant> would be.
func infix(stream string) string {
	if stream == "overflow" {
		return "lane."
	}
	return ""
}

// Plain is the subject of whatever shard as it would be in Whole.
func Plain(subject string) string {
	stream, rest, _ := strings.Cut(subject, ".")
	shard, path, ok := strings.Cut(rest, ".")
	if _, err := strconv.Atoi(shard); err != nil || !ok {
		return subject // no other token of ours is a number
	}
	return stream + "." + strings.TrimPrefix(path, infix(stream))
}
