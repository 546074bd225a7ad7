package event

// Trace is what a trace goes on by: the W3C traceparent of the span that caused an
// event or a delivery, such as 00-<32 hex digits>-<16>-01. It is empty for what is
// not traced, which is nearly everything. It is in the frame, since one message
// carries events of many traces, and in the event's row, for what is made of it
// later.
type Trace string

// ID is the id of the trace, as logs and backends show it; empty when there is none.
func (t Trace) ID() string {
	const begin, end = 3, 35
	if len(t) < end {
		return ""
	}
	return string(t[begin:end])
}
