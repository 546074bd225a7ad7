package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"time"

	"github.com/postrider/postrider/bench/receiver"
	"github.com/postrider/postrider/bench/rest"
	"github.com/postrider/postrider/bench/suite"
)

// sink is a receiver, wherever it runs.
type sink struct {
	url     string
	control rest.Client
}

func newSink(url string) *sink { return &sink{url, rest.New(url, "", 2)} }

func (s *sink) close() error { s.control.Close(); return nil }

// startSink starts a receiver in a process of its own.
func startSink(ctx context.Context, secret string) (address string, stop func() error, err error) {
	// It goes on when ctx ends, and stops before the system does.
	cmd, err := part(context.WithoutCancel(ctx), sinkPart)
	if err != nil {
		return "", nil, err
	}
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		return "", nil, fmt.Errorf("start sink: %w", err)
	}
	stop = func() error {
		return ignoreExit(errors.Join(in.Close(), cmd.Wait()))
	}
	_, err = fmt.Fprintln(in, secret)
	if err == nil {
		address, err = bufio.NewReader(out).ReadString('\n')
	}
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("start sink: %w", err), stop())
	}
	return strings.TrimSpace(address), stop, nil
}

// ignoreExit: Ctrl-C reaches all processes of a terminal, and whatever ended
// them, they have ended.
func ignoreExit(err error) error {
	if _, ended := errors.AsType[*exec.ExitError](err); ended {
		return nil
	}
	return err
}

// counts is what has arrived in a class.
func (s *sink) counts(ctx context.Context, class string) (receiver.Counts, error) {
	var stats receiver.Stats
	if err := s.control.Call(ctx, http.MethodGet, "/_sink/stats", nil, &stats); err != nil {
		return receiver.Counts{}, fmt.Errorf("ask sink: %w", err)
	}
	return stats.Classes[class], nil
}

// forget has the sink count a class anew.
func (s *sink) forget(ctx context.Context, class string) error {
	if err := s.control.Call(ctx, http.MethodDelete, "/_sink/stats?class="+url.QueryEscape(class), nil, nil); err != nil {
		return fmt.Errorf("reset sink: %w", err)
	}
	return nil
}

// behave makes a path behave otherwise than its URL says, from now on.
func (s *sink) behave(ctx context.Context, path, behaviour string) error {
	in := receiver.Setting{Path: path, Behaviour: behaviour}
	if err := s.control.Call(ctx, http.MethodPost, "/_sink/behaviour", in, nil); err != nil {
		return fmt.Errorf("tell sink how to behave: %w", err)
	}
	return nil
}

// awaitTick is how often a condition is looked at.
const awaitTick = 100 * time.Millisecond

// errTooLate is the cause of what took longer than it may.
var errTooLate = errors.New("too late")

// await waits until what has arrived in a class is enough, and returns it. When
// that takes too long it returns what there is and errTooLate.
func (s *sink) await(ctx context.Context, class string, limit time.Duration, enough func(receiver.Counts) bool) (receiver.Counts, error) {
	for end := time.Now().Add(limit); ; {
		counts, err := s.counts(ctx, class)
		if err != nil || enough(counts) {
			return counts, err
		}
		if time.Now().After(end) {
			return counts, fmt.Errorf("wait for arrivals: %w: %d are there after %s", errTooLate, counts.Distinct, limit)
		}
		if err := suite.Pause(ctx, awaitTick); err != nil {
			return counts, err
		}
	}
}
