package event

import (
	"fmt"
	"hash/fnv"
	"slices"
)

// The streams. Each holds the subjects that begin with its name in lower case.
const (
	StreamEvents  = "EVENTS"
	StreamDeliver = "DELIVER"
	StreamRetry   = "RETRY"
	StreamDLQ     = "DLQ"
	StreamTasks   = "TASKS"
)

// SubjectEvents is where batches of accepted events go. Fanout puts those that go
// to a great many endpoints on SubjectWide, one by one, so that nothing else waits
// for them.
const (
	SubjectEvents = "events.batch"
	SubjectWide   = "events.wide"
)

// shared are the shared lanes of each class: s00 to s15, r00 to r03, p00 to p03.
var shared = []struct { //nolint:gochecknoglobals // constant
	class  Class
	letter byte
	lanes  int
}{
	{First, 's', 16},
	{Retry, 'r', 4},
	{Replay, 'p', 4},
}

// Lane is one way to the deliver workers: a subject space of DELIVER with one
// pull consumer. Each class has lanes of its own, so that what is less urgent
// can wait in its stream without anything more urgent waiting behind it.
type Lane string

// Lanes lists the shared lanes of some classes; of all when none is given.
func Lanes(of ...Class) []Lane {
	var lanes []Lane
	for _, s := range shared {
		for n := range s.lanes {
			if len(of) == 0 || slices.Contains(of, s.class) {
				lanes = append(lanes, lane(s.letter, n))
			}
		}
	}
	return lanes
}

// LaneOf chooses the shared lane of a class by a hash of the tenant: a lane's
// neighbours are the same for all of a tenant's deliveries.
func LaneOf(class Class, tenant ID) Lane {
	h := fnv.New32a()
	_, _ = h.Write(tenant[:])
	n := int(h.Sum32() >> 8)
	for _, s := range shared {
		if s.class == class {
			return lane(s.letter, n%s.lanes)
		}
	}
	panic("unknown class " + class)
}

// Lane is the shared lane of the delivery.
func (d *Delivery) Lane() Lane { return LaneOf(d.Class(), d.Tenant) }

// Subject of the delivery on DELIVER: deliver.<lane>.<tenant>.<endpoint>.
func (d *Delivery) Subject() string {
	return "deliver." + string(d.Lane()) + "." + Tenant.Format(d.Tenant) + "." + Endpoint.Format(d.Endpoint)
}

// SubjectsOf are the subjects of all deliveries of a tenant on DELIVER.
func SubjectsOf(tenant ID) string { return "deliver.*." + Tenant.Format(tenant) + ".>" }

// Filter is the subject filter of the lane's consumer.
func (l Lane) Filter() string { return "deliver." + string(l) + ".>" }

// SubjectsDead are all dead letters on DLQ, and nothing else that is there.
const SubjectsDead = "dlq.*.*"

// SubjectsDeadOf are the dead letters of a tenant.
func SubjectsDeadOf(tenant ID) string { return "dlq." + Tenant.Format(tenant) + ".*" }

// PoisonSubject is where a message goes that a consumer's stage cannot handle:
// dlq.poison.<stream>.<consumer>.
func PoisonSubject(stream, consumer string) string {
	return "dlq.poison." + stream + "." + consumer
}

// SubjectsPoison are all of those.
const SubjectsPoison = "dlq.poison.>"

// DLQSubject of the delivery on DLQ: dlq.<tenant>.<endpoint>.
func (d *Delivery) DLQSubject() string {
	return "dlq." + Tenant.Format(d.Tenant) + "." + Endpoint.Format(d.Endpoint)
}

// TaskSubject is where a task of that kind is announced to dlq.
func TaskSubject(kind string) string { return "tasks." + kind }

func lane(letter byte, n int) Lane { return Lane(fmt.Sprintf("%c%02d", letter, n)) }
