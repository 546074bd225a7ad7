package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/postrider/postrider/bench/findings"
	"github.com/postrider/postrider/bench/suite"
)

const (
	poisonAfter  = 30 * time.Second // of traffic
	poisonWithin = time.Minute      // each is tried some times first

	// How long others may wait for their first attempt beside the poison, as a
	// multiple of what it was before, and whatever it was.
	poisonSlower = 2.0
	poisonNoise  = 0.1 // seconds
)

// poisons are messages that nobody can handle, by what is wrong with them.
func poisons() map[string][]byte {
	return map[string][]byte{
		"empty":              {},
		"not a frame":        []byte("hello"),
		"binary":             {0, 0xff, 0xfe, 0x0a, 0x80, 0},
		"no end of the line": []byte(`{"event":"msg_0ERVoSfsYNJPRcsVtuou1D03zKl"`),
		"of another type":    []byte("[1,2,3]\nbody"),
		"ids of other kinds": []byte(`{"event":"app_1","tenant":"msg_1","endpoint":7,"size":4}` + "\nbody"),
		"shorter than told":  []byte(`{"event":"msg_0ERVoSfsYNJPRcsVtuou1D03zKl","tenant":"app_0ERVoSfiVo5vVYYHkRwVgD1hSbV","size":1000000}` + "\nbody"),
	}
}

// poisoned are the subjects that each kind of poison is published to. The last
// streams get what is left to make fifty.
func poisoned(app string) []string {
	return []string{
		"events.batch", "events.wide", "deliver.s00." + app + ".ep_1", "deliver.r01.x.y",
		"overflow." + app, "retry.1s", "dlq." + app + ".ep_1", "tasks.resend",
	}
}

const (
	poisonCount   = 50
	poisonSubject = "dlq.poison.>"
	poisonReason  = "Postrider-Reason" // the header
)

// poison publishes what nobody can handle, and looks for it among the dead letters.
func poison(ctx context.Context, t *trial) error {
	if err := suite.Pause(ctx, poisonAfter); err != nil {
		return err
	}
	conn, err := nats.Connect(t.NATSURL)
	if err != nil {
		return fmt.Errorf("connect to NATS: %w", err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return fmt.Errorf("reach JetStream: %w", err)
	}
	given := time.Now()
	if err := publishPoison(ctx, js, t.fleet.targets[0].App); err != nil {
		return err
	}
	found, reasons, err := awaitPoison(ctx, js)
	if err != nil {
		return err
	}
	t.Report.Check("messages that nobody can handle, among the dead letters", float64(found), findings.Exactly(poisonCount))
	t.Report.Check("– of them with a reason", float64(reasons), findings.Exactly(poisonCount))
	over := time.Now()
	before, beside := t.ledger.waited(given.Add(-poisonAfter/2), given), t.ledger.waited(given, over)
	t.check("wait for the first attempt beside it, p99 in s", beside.Seconds(),
		findings.AtMost(max(poisonSlower*before.Seconds(), poisonNoise)))
	return nil
}

func publishPoison(ctx context.Context, js jetstream.JetStream, app string) error {
	for n := 0; n < poisonCount; {
		for what, data := range poisons() {
			for _, subject := range poisoned(app) {
				if n == poisonCount {
					return nil
				}
				if _, err := js.Publish(ctx, subject, data); err != nil {
					return fmt.Errorf("publish %s to %s: %w", what, subject, err)
				}
				n++
			}
		}
	}
	return nil
}

// awaitPoison waits until everything is among the dead letters, and returns how
// much is, and how much of it with a reason.
func awaitPoison(ctx context.Context, js jetstream.JetStream) (found, reasons int, err error) {
	stream, err := js.Stream(ctx, "DLQ")
	if err != nil {
		return 0, 0, fmt.Errorf("look up dead letters: %w", err)
	}
	for began := time.Now(); found < poisonCount && time.Since(began) < poisonWithin; {
		if err := suite.Pause(ctx, time.Second); err != nil {
			return 0, 0, err
		}
		if found, reasons, err = countPoison(ctx, stream); err != nil {
			return 0, 0, err
		}
	}
	return found, reasons, nil
}

func countPoison(ctx context.Context, stream jetstream.Stream) (found, reasons int, err error) {
	for next := uint64(1); ; found++ {
		msg, err := stream.GetMsg(ctx, next, jetstream.WithGetMsgSubject(poisonSubject))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return found, reasons, nil
		}
		if err != nil {
			return 0, 0, fmt.Errorf("read dead letters: %w", err)
		}
		if strings.TrimSpace(msg.Header.Get(poisonReason)) != "" {
			reasons++
		}
		next = msg.Sequence + 1
	}
}
