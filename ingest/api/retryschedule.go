package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/postrider/postrider/shared/schedule"
	"github.com/postrider/postrider/shared/store"
)

func retryScheduleRoutes() []route {
	const path = "/event-type/{name}/retry-schedule"
	return []route{
		{"GET", path, forOperators, (*call).getRetrySchedule},
		{"PUT", path, forOperators, (*call).putRetrySchedule},
	}
}

// typeSchedule is the schedule of an event type in Svix's own shape, which is
// another one than ours elsewhere.
type typeSchedule struct {
	RetrySchedule []typeDelay `json:"retrySchedule"`
}

type typeDelay struct {
	Secs  int64 `json:"secs"`
	Nanos int64 `json:"nanos"`
}

func showTypeSchedule(delays []time.Duration) typeSchedule {
	if delays == nil {
		return typeSchedule{}
	}
	shown := make([]typeDelay, len(delays))
	for i, d := range delays {
		shown[i] = typeDelay{int64(d / time.Second), int64(d % time.Second)}
	}
	return typeSchedule{shown}
}

// retrySchedule reads a list of delays, such as ["5s", "5m"]. An empty one means
// no retries, null that something less specific decides: the event type for an
// endpoint, the application for an event type, and the installation for that.
func (f *form) retrySchedule(target *[]time.Duration) {
	const field = "retrySchedule"
	var delays []delay
	raw, named := f.members[field]
	if !named {
		return
	}
	if *target = nil; isNull(raw) {
		return
	}
	if err := json.Unmarshal(raw, &delays); err != nil {
		f.invalid = append(f.invalid, invalid{Loc: []string{"body", field}, Msg: "expected a list of delays such as 30s, 5m or 2h", Type: typeDecode})
		return
	}
	texts := make([]string, len(delays))
	for i, d := range delays {
		texts[i] = string(d)
	}
	s, err := schedule.New(texts)
	if err != nil {
		f.refuse(field, err.Error())
		return
	}
	*target = s
}

// delay is a text such as 5m, or what Svix has instead, as such a text.
type delay string

var errDelay = errors.New("not a delay")

// UnmarshalJSON reads either form.
func (d *delay) UnmarshalJSON(data []byte) error {
	var text string
	if data[0] == '"' {
		err := json.Unmarshal(data, &text)
		*d = delay(text)
		return err
	}
	var theirs *struct {
		Secs  *uint32 `json:"secs"`
		Nanos uint32  `json:"nanos"`
	}
	if err := json.Unmarshal(data, &theirs); err != nil {
		return err
	}
	if theirs == nil || theirs.Secs == nil {
		return errDelay
	}
	*d = delay((time.Duration(*theirs.Secs)*time.Second + time.Duration(theirs.Nanos)).String())
	return nil
}

func (c *call) getRetrySchedule(r *http.Request) (reply, error) {
	name, err := nameOf(r)
	if err != nil {
		return reply{}, err
	}
	delays, err := c.Store.TypeSchedule(r.Context(), name)
	if err != nil {
		return reply{}, err
	}
	return ok(showTypeSchedule(delays)), nil
}

func (c *call) putRetrySchedule(r *http.Request) (reply, error) {
	f, err := readForm(r)
	if err != nil {
		return reply{}, err
	}
	var delays []time.Duration
	f.retrySchedule(&delays)
	if err := f.err(); err != nil {
		return reply{}, err
	}
	name, err := nameOf(r)
	if err != nil {
		return reply{}, err
	}
	err = c.Store.SetTypeSchedule(r.Context(), name, delays)
	if errors.Is(err, store.ErrTooManySchedules) {
		return reply{}, badRequest("limit_reached", "Too many event types have a retry schedule of their own")
	}
	return ok(showTypeSchedule(delays)), err
}
