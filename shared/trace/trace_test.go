package trace

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/postrider/postrider/shared/event"
)

const theirs = event.Trace("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")

// kept makes a tracer whose spans are kept as they end.
func kept() (*Tracer, *[]sdktrace.ReadOnlySpan) {
	k := new(keeper)
	return &Tracer{sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(k)).Tracer(scope)}, &k.spans
}

type keeper struct{ spans []sdktrace.ReadOnlySpan }

func (*keeper) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (k *keeper) OnEnd(s sdktrace.ReadOnlySpan)                 { k.spans = append(k.spans, s) }
func (*keeper) Shutdown(context.Context) error                  { return nil }
func (*keeper) ForceFlush(context.Context) error                { return nil }

// TestWhatBelongsTogether: a span belongs to the trace of what caused it, and is linked
// to that if it was put off or waited for long.
func TestWhatBelongsTogether(t *testing.T) {
	t.Parallel()
	tracer, _ := kept()
	recent, old := time.Now(), time.Now().Add(-2*longWait)
	for name, test := range map[string]struct {
		span   Span
		linked bool
	}{
		"sent":             {tracer.Send(theirs, "deliver.s00.a.b", About{}), false},
		"received at once": {tracer.Receive(theirs, "deliver.s00.a.b", recent, About{}), false},
		"received late":    {tracer.Receive(theirs, "deliver.s00.a.b", old, About{}), true},
		"resumed":          {tracer.Resume(theirs, "retry.5s", About{}), true},
		"called":           {tracer.Call(theirs, "example.com", 443, About{Attempt: 2}), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.True(t, test.span.Traced())
			goesOn := test.span.Or("")
			require.Len(t, goesOn, len(theirs))
			require.NotEqual(t, theirs, goesOn)
			span, ok := test.span.span.(sdktrace.ReadOnlySpan)
			require.True(t, ok)
			if !test.linked {
				require.Equal(t, theirs.ID(), goesOn.ID())
				require.Equal(t, "b7ad6b7169203331", span.Parent().SpanID().String())
				require.Empty(t, span.Links())
				return
			}
			require.NotEqual(t, theirs.ID(), goesOn.ID())
			require.False(t, span.Parent().IsValid())
			require.Len(t, span.Links(), 1)
			require.Equal(t, theirs.ID(), span.Links()[0].SpanContext.TraceID().String())
		})
	}
}

// TestUntraced: without a trace there is no span, nor with what is none.
func TestUntraced(t *testing.T) {
	t.Parallel()
	tracer, spans := kept()
	for _, from := range []event.Trace{"", "nonsense", "00-00000000000000000000000000000000-b7ad6b7169203331-01", theirs[:54], "00-\x00"} {
		s := tracer.Send(from, "events.batch", About{})
		require.False(t, s.Traced())
		require.Equal(t, from, s.Or(from))
		s.About(About{})
		s.Outcome(500, "why")
		s.End("why")
		require.Equal(t, Span{}, From(With(t.Context(), s)))
	}
	require.Empty(t, *spans)
}

// TestOffCostsNothing: not even an allocation, also where what is traced comes by.
func TestOffCostsNothing(t *testing.T) { // alone, since it counts allocations
	var tracer *Tracer
	door := tracer.Door(1)
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	d := &event.Delivery{Event: event.NewID(), Trace: theirs}
	require.Zero(t, testing.AllocsPerRun(100, func() { off(r, tracer, door, d) }))
	on, _ := kept()
	d.Trace = ""
	require.Zero(t, testing.AllocsPerRun(100, func() { off(r, on, door, d) }), "nor where nothing is traced")
}

// off is all that the hot path does of an event.
func off(r *http.Request, t *Tracer, door *Door, d *event.Delivery) {
	s := door.Begin(r)
	_ = From(With(r.Context(), s))
	s.Outcome(200, "")
	s.End("")
	for _, s := range []Span{
		t.Send(d.Trace, "deliver.s00.a.b", OfDelivery(d)),
		t.Receive(d.Trace, "deliver.s00.a.b", time.Time{}, OfDelivery(d)),
		t.Call(d.Trace, "example.com", 443, OfDelivery(d)),
	} {
		d.Trace = s.Or(d.Trace)
		s.End("")
	}
}

func BenchmarkOff(b *testing.B) {
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	d := &event.Delivery{Event: event.NewID()}
	b.ReportAllocs()
	for b.Loop() {
		off(r, nil, nil, d)
	}
}

func BenchmarkOn(b *testing.B) {
	tracer, _ := kept()
	d := &event.Delivery{Event: event.NewID(), Tenant: event.NewID(), Endpoint: event.NewID(), Attempt: 1}
	b.ReportAllocs()
	for b.Loop() {
		tracer.Receive(theirs, "deliver.s00.a.b", time.Now(), OfDelivery(d)) // and never ends
	}
}

// TestDoor: callers have their own traces followed, but cannot have everything traced.
func TestDoor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tracer, _ := kept()
		traced := func(door *Door, n int, header string) (count int) {
			for range n {
				r := httptest.NewRequest(http.MethodPost, "/", nil)
				r.Header.Set("Traceparent", header)
				if s := door.Begin(r); s.Traced() {
					count++
					if header == string(theirs) {
						require.Equal(t, theirs.ID(), s.Or("").ID())
					}
				}
			}
			return count
		}
		none, all, half := tracer.Door(0), tracer.Door(1), tracer.Door(0.5)
		require.Equal(t, wishes, traced(none, 3*wishes, string(theirs)), "as many as they may wish for")
		require.Zero(t, traced(none, 10, string(theirs)))
		time.Sleep(time.Second)
		require.Equal(t, wishes, traced(none, 3*wishes, string(theirs)), "and as many a second later")
		require.Equal(t, 3*wishes, traced(all, 3*wishes, string(theirs)), "those beyond are as anybody's")
		require.Zero(t, traced(none, 100, ""))
		require.Equal(t, 100, traced(all, 100, ""))
		require.Equal(t, 100, traced(all, 100, "nonsense"))
		require.Zero(t, traced(all, 100, string(theirs[:53])+"00"), "not sampled where it comes from")
		require.InDelta(t, 500, traced(half, 1000, ""), 150)
	})
}
