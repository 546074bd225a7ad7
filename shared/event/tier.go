package event

import (
	"slices"
	"time"
)

// Tier is one fixed delay of the retry wheel. Because every message of a tier
// waits equally long from the moment it was stored, a tier is a queue in order
// of due time, and only its head needs looking at.
type Tier struct {
	Name  string
	Delay time.Duration
}

// tiers of the wheel, shortest first. A longer wait is taken apart into them,
// largest first; what is left over, less than the shortest tier, is waited for
// by the retry process itself.
var tiers = [...]Tier{
	{"1s", time.Second},
	{"5s", 5 * time.Second},
	{"30s", 30 * time.Second},
	{"2m", 2 * time.Minute},
	{"10m", 10 * time.Minute},
	{"1h", time.Hour},
	{"6h", 6 * time.Hour},
	{"24h", 24 * time.Hour},
}

// Tiers lists the tiers of the wheel, shortest first.
func Tiers() []Tier { return tiers[:] }

// LongestTier is the longest that one step of the wheel can wait.
func LongestTier() time.Duration { return tiers[len(tiers)-1].Delay }

// TierFor chooses the longest tier that is not longer than wait, and the
// shortest one for waits below all of them.
func TierFor(wait time.Duration) Tier {
	tier := tiers[0]
	for _, t := range tiers[1:] {
		if t.Delay > wait {
			break
		}
		tier = t
	}
	return tier
}

// SubjectsRetry are all subjects of RETRY.
const SubjectsRetry = "retry.*"

// Subject of the tier on RETRY: retry.<tier>.
func (t Tier) Subject() string { return "retry." + t.Name }

// TierOf is the tier with that subject, if there is one.
func TierOf(subject string) (t Tier, ok bool) {
	i := slices.IndexFunc(tiers[:], func(t Tier) bool { return t.Subject() == subject })
	if i < 0 {
		return Tier{}, false
	}
	return tiers[i], true
}
