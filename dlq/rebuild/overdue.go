package rebuild

import (
	"context"
	"time"

	"github.com/postrider/postrider/shared/event"
)

// partsAtOnce bounds how long a round looks for what is overdue.
const partsAtOnce = 64

// looks are how often, and after how many times Rebuilder.Overdue, it is asked
// whether a retry shows no sign of having begun. One whose endpoint has deliveries
// waiting may be among them; then the next look is the one that counts. The later the
// look, the rarer it is made: twelve times in its time.
var looks = [...]int{1, 10, 60, 360, 1440} //nolint:gochecknoglobals // constant

const glances = 12

// lookForOverdue hands out retries that were due some time ago, have not begun and
// are nowhere to be seen: RETRY lost them, or whoever should have put them there
// never could. It needs no loss to be noticed. A retry that is only late may be
// handed out twice by it, which is why deliver looks up what is late.
func (w *watch) lookForOverdue(ctx context.Context) error {
	for i, times := range looks {
		after := time.Duration(times) * w.Overdue
		if time.Since(w.glanced[i]) < after/glances {
			continue
		}
		if i == 0 {
			late, err := w.wheelIsLate(ctx, time.Now())
			if err != nil {
				return err
			}
			if late {
				continue // what is overdue is in the wheel; if not, the next look finds it
			}
		}
		for range partsAtOnce {
			looked, err := w.db.AdvanceOverdue(ctx, after, part, w.handOutUnseen)
			if err != nil {
				return err
			}
			if looked < part {
				w.glanced[i] = time.Now()
				break
			}
		}
	}
	return nil
}

// wheelIsLate reports whether retries wait in RETRY that should have left it by now: then
// its stage is away, or has much to do.
func (w *watch) wheelIsLate(ctx context.Context, now time.Time) (bool, error) {
	for _, t := range event.Tiers() {
		first, err := w.Bus.First(ctx, event.StreamRetry, t.Subject())
		if err != nil {
			return false, err
		}
		if len(first) > 0 && now.Sub(first[0].At.Add(t.Delay)) > event.Late {
			return true, nil
		}
	}
	return false, nil
}

// handOutUnseen hands out the deliveries to endpoints that nothing waits for, in
// any lane: where something waits, theirs may be among it.
func (w *watch) handOutUnseen(ctx context.Context, deliveries []event.Delivery) error {
	busy := make(map[event.ID]map[event.ID]bool) // endpoints of tenants; the zero one stands for all
	unseen := deliveries[:0]
	for _, d := range deliveries {
		waiting, ok := busy[d.Tenant]
		if !ok {
			var err error
			if waiting, err = w.waiting(ctx, d.Tenant); err != nil {
				return err
			}
			busy[d.Tenant] = waiting
		}
		if !waiting[d.Endpoint] && !waiting[event.ID{}] {
			unseen = append(unseen, d)
		}
	}
	if len(unseen) == 0 {
		return nil
	}
	if err := w.handOut(ctx, unseen); err != nil {
		return err
	}
	w.Metrics.again(kindOverdue, int64(len(unseen)))
	w.Log.Info().Int("deliveries", len(unseen)).Msg("overdue retries are on their way again")
	return nil
}

// waiting finds for which endpoints of the tenant something waits in a lane; the
// zero id among them says that something does in the tenant's own.
func (w *watch) waiting(ctx context.Context, tenant event.ID) (map[event.ID]bool, error) {
	own := event.OwnLane{Tenant: tenant}.Subject()
	endpoints := make(map[event.ID]bool)
	for _, at := range []struct{ stream, filter string }{
		{event.StreamDeliver, event.SubjectsOf(tenant)},
		{event.StreamOverflow, own},
		{event.StreamOverflow, own + ".>"},
	} {
		subjects, err := w.Bus.Subjects(ctx, at.stream, at.filter)
		if err != nil {
			return nil, err
		}
		for subject := range subjects {
			if _, endpoint, err := event.ParseSubject(subject); err == nil { // else nobody of ours put it there
				endpoints[endpoint] = true
			}
		}
	}
	return endpoints, nil
}
