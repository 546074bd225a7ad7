package fair

import (
	"time"

	"github.com/postrider/postrider/shared/event"
)

// Lane says by which kind of lane a job came.
type Lane uint8

// The kinds of lanes.
const (
	Shared     Lane = iota // with many other tenants
	OfTenant               // the tenant's own
	OfEndpoint             // the endpoint's own
)

// Target is an endpoint and what the directory says of it now. What it says
// takes effect with each Put and Room.
type Target struct {
	Tenant   event.ID
	Endpoint event.ID // zero in the question about the room of a tenant's lane

	Weight     int    // of the tenant; below 1 counts as 1
	Rate       int    // attempts per second at the endpoint; 0: no limit
	TenantRate int    // the same for all endpoints of the tenant together
	Broken     Broken // the opening of its breaker that is on record; zero: none
}

// Broken is an opening of a breaker.
type Broken struct {
	Since  time.Time // when it opened; zero: it is closed
	Probe  time.Time // when it may be tried again
	Failed int       // probes that have failed
}

// Owner is told what becomes of a job that was queued: exactly one of these, once.
type Owner interface {
	// Start begins the attempt: the job's turn has come, and Done must follow. It is
	// called with the scheduler's lock held: it must neither wait nor call the
	// scheduler.
	Start()

	// Back gives the job back: its endpoint has become busy meanwhile, or the
	// scheduler was closed. It is called like Start.
	Back(Verdict)
}

// Job is one attempt that wants to be made. The exported fields are set before
// Put and not changed after it.
type Job struct {
	Target
	Class    event.Class
	Priority event.Priority
	Lane     Lane

	Owner Owner

	place    link[*Job] // among the waiting, or among those that began lately
	class    class
	level    level
	tenant   *tenant
	endpoint *endpoint
	began    time.Time
	cost     time.Duration // of slot time, charged at the start
	late     bool          // in flight for longer than slowAfter
}

// Answer is what became of a Put.
type Answer uint8

// The answers.
const (
	// Queued: its owner is told what becomes of the job, maybe before Put returns.
	Queued Answer = iota

	// TenantFull: this tenant has as many jobs of that class waiting as it may.
	TenantFull

	// EndpointBusy: the endpoint rests for long, or jobs wait already for the end of
	// a short rest; its breaker is open; or, for a first attempt, it is slow and has
	// as many attempts in flight as it may. The job would only be in the way of
	// others here.
	EndpointBusy

	// Closed: the scheduler takes nothing more.
	Closed
)

// Verdict is an answer with what the caller may do about it. But for Queued, the
// job is the caller's again.
type Verdict struct {
	Answer Answer
	Room   <-chan struct{} // of TenantFull: closed when there may be room
	Until  time.Time       // of EndpointBusy: when it may be otherwise; zero: when attempts end
}

// Result is what an attempt says about the endpoint.
type Result uint8

// The results.
const (
	None      Result = iota // nothing: no attempt was made, or the fault is not the endpoint's
	Success                 // the endpoint took the delivery
	Failure                 // it did not
	Throttled               // it did not, because it has too much to do
)

// Report is how an attempt went.
type Report struct {
	Result     Result
	Took       time.Duration // how long the slot was held
	RetryAfter time.Duration // how long the endpoint wants to be left alone; 0: it does not say
}
