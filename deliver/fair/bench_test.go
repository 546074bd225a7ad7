package fair

import (
	"testing"
	"time"

	"github.com/postrider/postrider/shared/event"
)

type nobody struct{}

func (nobody) Start()       {}
func (nobody) Back(Verdict) {}

// BenchmarkPutDone is the way of nearly all jobs: a free slot, an endpoint that is
// known and well.
func BenchmarkPutDone(b *testing.B) {
	s := New(Defaults(), func(BreakerChange) {})
	defer s.Close()
	jobs := make([]Job, 1000)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		j := &jobs[n%len(jobs)]
		*j = Job{Target: Target{Tenant: numbered(n % 500), Endpoint: numbered(n % len(jobs)), Weight: 1}, Class: event.First, Owner: nobody{}}
		if s.Put(j).Answer == Queued {
			s.Done(j, Report{Result: Success, Took: time.Millisecond})
		}
	}
}

// BenchmarkBusy has all slots taken and a hundred tenants with full queues.
func BenchmarkBusy(b *testing.B) {
	running := make([]*queued, 0, 2048)
	s := New(Defaults(), func(BreakerChange) {})
	defer s.Close()
	fill := func(n int) {
		j := &queued{running: &running}
		j.Job = Job{Target: Target{Tenant: numbered(n % 100), Endpoint: numbered(n % 1000), Weight: 1}, Class: event.First, Owner: j}
		s.Put(&j.Job)
	}
	for n := range 10_000 {
		fill(n)
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		j := running[0]
		running = append(running[:0], running[1:]...)
		s.Done(&j.Job, Report{Result: Success, Took: time.Millisecond})
		fill(n)
	}
}

type queued struct {
	Job
	running *[]*queued
}

func (j *queued) Start()     { *j.running = append(*j.running, j) }
func (*queued) Back(Verdict) {}
