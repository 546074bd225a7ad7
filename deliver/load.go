package deliver

import (
	"encoding/json"

	"github.com/postrider/postrider/deliver/fair"
	"github.com/postrider/postrider/deliver/lanes"
	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/event"
)

// told is of how many tenants, and of how many endpoints, a process tells who asks
// what it has in hand.
const told = 250

// tellLoad answers whoever asks what this process, which the instance names, has in
// hand, until stop is called.
func tellLoad(b *bus.Bus, s *fair.Scheduler, k *lanes.Keeper, instance string) (stop func(), err error) {
	return b.Answer(event.SubjectLoad, func() []byte {
		load := s.Top(told)
		load.Instance = instance
		for _, l := range k.Open() {
			load.Lanes = append(load.Lanes, l.Subject())
		}
		answer, err := json.Marshal(load)
		if err != nil {
			return nil // nobody could read it either
		}
		return answer
	})
}
