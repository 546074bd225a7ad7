package testkit

import (
	"errors"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/postrider/postrider/shared/event"
)

// Stored is a message in a stream.
type Stored struct {
	Subject string
	ID      string // of the hand-over
	Data    []byte
}

// Messages returns what is in a stream, in order. Nothing is taken out.
func Messages(t testing.TB, address, stream string) (stored []Stored) {
	t.Helper()
	withJetStream(t, address, func(js jetstream.JetStream) error {
		s, err := js.Stream(t.Context(), stream)
		if err != nil {
			return err
		}
		state := s.CachedInfo().State
		for seq := max(state.FirstSeq, 1); seq <= state.LastSeq; seq++ {
			m, err := s.GetMsg(t.Context(), seq)
			if errors.Is(err, jetstream.ErrMsgNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			stored = append(stored, Stored{m.Subject, m.Header.Get(jetstream.MsgIDHeader), m.Data})
		}
		return nil
	})
	return stored
}

// Deliveries returns what is in a stream that holds deliveries, in order.
func Deliveries(t testing.TB, address, stream string) []*event.Delivery {
	t.Helper()
	messages := Messages(t, address, stream)
	deliveries := make([]*event.Delivery, len(messages))
	for i, m := range messages {
		d, err := event.DecodeDelivery(m.Data)
		if err != nil {
			t.Fatal(err)
		}
		deliveries[i] = d
	}
	return deliveries
}
