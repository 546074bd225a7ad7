package deliver

import (
	"sync"

	"github.com/postrider/postrider/shared/event"
)

// flights are the deliveries of which this worker makes an attempt, or has not yet
// recorded it. What is made good of the losses of a stream may bring another copy of
// one: looking it up does not help then. The zero value has none.
type flights struct {
	mu  sync.Mutex
	all map[flight]struct{}
}

// flight names a delivery in one of its runs.
type flight struct{ event, endpoint, run event.ID }

func flightOf(d *event.Delivery) flight { return flight{d.Event, d.Endpoint, d.Run} }

// begin reports whether the delivery was not in flight; it is now.
func (f *flights) begin(d *event.Delivery) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.all[flightOf(d)]; ok {
		return false
	}
	if f.all == nil {
		f.all = make(map[flight]struct{})
	}
	f.all[flightOf(d)] = struct{}{}
	return true
}

func (f *flights) end(d *event.Delivery) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.all, flightOf(d))
}
