package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/postrider/postrider/bench/findings"
	"github.com/postrider/postrider/bench/rest"
	"github.com/postrider/postrider/bench/suite"
	"github.com/postrider/postrider/shared/stack"
)

const (
	fullAfter = 15 * time.Second // of traffic
	fullSpan  = 50 * time.Second
	leastFull = 90.0 // percent: a stream takes nothing that would make it larger than its limit
)

// small makes streams that are soon full: the least that there may be.
func small() stack.Options {
	return stack.Options{Env: []string{"POSTRIDER_STREAM_BYTES=67108864"}}
}

// fill keeps deliver away until the streams before it are full.
func fill(ctx context.Context, t *trial) error {
	if err := suite.Pause(ctx, fullAfter); err != nil {
		return err
	}
	up, err := t.takeDown(ctx, down, deliverStage)
	if err != nil {
		return err
	}
	defer up()
	if err := suite.Pause(ctx, fullSpan); err != nil {
		return err
	}
	streams, err := askStreams(ctx, t.MonitorURL)
	if err != nil {
		return err
	}
	for _, s := range streams {
		percent := 100 * float64(s.State.Bytes) / float64(max(s.Config.MaxBytes, 1))
		switch s.Name {
		case "EVENTS", "DELIVER":
			t.Report.Check("stream "+s.Name+", % of its limit", percent, findings.AtLeast(leastFull))
		case "OVERFLOW", "RETRY":
			t.Report.Note("stream "+s.Name+", % of its limit", "%.0f", percent)
		}
	}
	return nil
}

// streamState is a stream as nats-server tells of it.
type streamState struct {
	Name  string `json:"name"`
	State struct {
		Bytes int64 `json:"bytes"`
	} `json:"state"`
	Config struct {
		MaxBytes int64 `json:"max_bytes"`
	} `json:"config"`
}

func askStreams(ctx context.Context, monitor string) ([]streamState, error) {
	client := rest.New(monitor, "", 1)
	defer client.Close()
	var server struct {
		Accounts []struct {
			Streams []streamState `json:"stream_detail"`
		} `json:"account_details"`
	}
	if err := client.Call(ctx, http.MethodGet, "/jsz?streams=1&config=1", nil, &server); err != nil {
		return nil, fmt.Errorf("ask nats-server: %w", err)
	}
	var all []streamState
	for _, account := range server.Accounts {
		all = append(all, account.Streams...)
	}
	return all, nil
}
