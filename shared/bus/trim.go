package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/postrider/postrider/shared/event"
)

// TrimDLQ makes room on DLQ when half of its part is used: the older half of what
// is recorded goes. What nobody has recorded yet stays, and what was set aside as
// poison, so there may be no room all the same; then nothing more can die, and
// whoever has something for DLQ keeps it.
func (b *Bus) TrimDLQ(ctx context.Context) error {
	s, err := b.js.Stream(ctx, event.StreamDLQ)
	if err != nil {
		return fmt.Errorf("look up stream %s: %w", event.StreamDLQ, err)
	}
	info := s.CachedInfo() // of this very look-up
	if info.Config.MaxBytes <= 0 || info.State.Bytes <= uint64(info.Config.MaxBytes)/2 {
		return nil
	}
	c, err := b.js.Consumer(ctx, DLQ.stream(), DLQ.Name)
	if err != nil {
		return fmt.Errorf("look up consumer %s: %w", DLQ, err)
	}
	oldest, err := s.GetMsg(ctx, info.State.FirstSeq, jetstream.WithGetMsgSubject(event.SubjectsDead))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look into stream %s: %w", event.StreamDLQ, err)
	}
	first, recorded := oldest.Sequence, c.CachedInfo().AckFloor.Stream
	if recorded < first {
		return nil
	}
	half := jetstream.WithPurgeSequence(first + (recorded-first)/2 + 1) // up to there, without it
	if err := s.Purge(ctx, jetstream.WithPurgeSubject(event.SubjectsDead), half); err != nil {
		return fmt.Errorf("trim stream %s: %w", event.StreamDLQ, err)
	}
	return nil
}
