package event

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"sync"
	"time"
)

// ID identifies everything that Postrider makes. It is a UUIDv7 (RFC 9562
// §5.7) with method 3 of §6.2: 48 bits of Unix milliseconds, 12 bits of the
// fraction of that millisecond, 62 random bits. So ids sort by the time they
// were made, tables are partitioned by their ids, and an id alone leads to the
// one partition that can hold its row.
type ID [16]byte

// clock hands out strictly increasing timestamps, in units of 1/4096 ms, to all
// callers of NewID in this process. It is the only state of this package.
var clock struct {
	sync.Mutex
	last uint64
}

// NewID returns an id for now. Ids made by one process strictly increase.
func NewID() ID {
	now := ticks(time.Now())
	clock.Lock()
	if now <= clock.last {
		now = clock.last + 1
	}
	clock.last = now
	clock.Unlock()

	id := fromTicks(now)
	_, _ = rand.Read(id[8:]) // never fails: crypto/rand.Read aborts the process instead
	id[8] = id[8]&0x3f | 0x80
	return id
}

// FloorID returns the lowest id that can be made at t or later: the bound for
// "since t" and "before t" on ids, and between the partitions of two days.
func FloorID(t time.Time) ID {
	id := fromTicks(ticks(t))
	id[8] = 0x80
	return id
}

// Time tells when the id was made, to 1/4096 of a millisecond. FloorID of it has
// the same time again.
func (id ID) Time() time.Time {
	ms := int64(binary.BigEndian.Uint64(id[:8]) >> 16)
	fraction := int64(binary.BigEndian.Uint16(id[6:8]) & 0x0fff)
	return time.UnixMilli(ms).Add(time.Duration((fraction*int64(time.Millisecond) + 4095) / 4096)).UTC() // rounded up
}

// IsZero reports whether the id was never set.
func (id ID) IsZero() bool { return id == ID{} }

// Compare returns -1 when the id was made before the other, 1 when it was made after
// it, and 0 when they are the same.
func (id ID) Compare(other ID) int { return bytes.Compare(id[:], other[:]) }

func ticks(t time.Time) uint64 {
	ms := max(t.UnixMilli(), 0)
	rest := max(t.Sub(time.UnixMilli(ms)), 0)
	return uint64(ms)<<12 | uint64(rest)*4096/uint64(time.Millisecond)
}

func fromTicks(n uint64) ID {
	var id ID
	binary.BigEndian.PutUint64(id[:8], n>>12<<16|0x7000|n&0x0fff)
	return id
}
