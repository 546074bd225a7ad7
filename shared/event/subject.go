package event

import (
	"fmt"
	"hash/fnv"
)

// The streams. Each holds the subjects that begin with its name in lower case.
const (
	StreamEvents  = "EVENTS"
	StreamDeliver = "DELIVER"
	StreamRetry   = "RETRY"
	StreamDLQ     = "DLQ"
	StreamTasks   = "TASKS"
)

// SubjectEvents is where batches of accepted events go.
const SubjectEvents = "events.batch"

const (
	firstLanes = 16 // shared lanes of first attempts, s00 to s15
	retryLanes = 4  // shared lanes of all other attempts, r00 to r03
)

// Lane is one way to the deliver workers: a subject space of DELIVER with one
// pull consumer. Retries and replays have lanes of their own, so that they can
// wait in their stream without anything new waiting behind them.
type Lane string

// Lanes lists the shared lanes of all classes.
func Lanes() []Lane {
	lanes := make([]Lane, 0, firstLanes+retryLanes)
	for n := range firstLanes {
		lanes = append(lanes, firstLane(n))
	}
	for n := range retryLanes {
		lanes = append(lanes, retryLane(n))
	}
	return lanes
}

// Lane chooses the shared lane of the delivery, by its class and a hash of its
// tenant: a lane's neighbours are the same for all of a tenant's deliveries.
func (d *Delivery) Lane() Lane {
	h := fnv.New32a()
	_, _ = h.Write(d.Tenant[:])
	n := int(h.Sum32() >> 8)
	if d.Class() == First {
		return firstLane(n % firstLanes)
	}
	return retryLane(n % retryLanes)
}

// Subject of the delivery on DELIVER: deliver.<lane>.<tenant>.<endpoint>.
func (d *Delivery) Subject() string {
	return "deliver." + string(d.Lane()) + "." + Tenant.Format(d.Tenant) + "." + Endpoint.Format(d.Endpoint)
}

// Filter is the subject filter of the lane's consumer.
func (l Lane) Filter() string { return "deliver." + string(l) + ".>" }

// DLQSubject of the delivery on DLQ: dlq.<tenant>.<endpoint>.
func (d *Delivery) DLQSubject() string {
	return "dlq." + Tenant.Format(d.Tenant) + "." + Endpoint.Format(d.Endpoint)
}

// TaskSubject is where a task of that kind is announced to dlq.
func TaskSubject(kind string) string { return "tasks." + kind }

func firstLane(n int) Lane { return Lane(fmt.Sprintf("s%02d", n)) }
func retryLane(n int) Lane { return Lane(fmt.Sprintf("r%02d", n)) }
