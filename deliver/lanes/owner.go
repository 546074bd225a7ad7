package lanes

import (
	"encoding/binary"
	"hash/fnv"

	"github.com/postrider/postrider/shared/event"
)

// ownerOf returns the worker that the tenant's lanes belong to: rendezvous
// hashing, so that of the tenants of all others none changes hands when a worker
// comes or goes. It is empty when there are no workers.
func ownerOf(tenant event.ID, workers []string) string {
	owner, best := "", uint64(0)
	for _, id := range workers {
		if w := weight(tenant, id); owner == "" || w > best || w == best && id < owner {
			owner, best = id, w
		}
	}
	return owner
}

// weight must be the same in all processes, of any version.
func weight(tenant event.ID, worker string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(worker))
	_, _ = h.Write(tenant[:])
	// FNV hardly mixes the last bytes into the first; SplitMix64 does.
	x := binary.BigEndian.Uint64(h.Sum(nil))
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
