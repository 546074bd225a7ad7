package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/postrider/postrider/bench/suite"
)

const (
	wipeAfter = time.Minute // of traffic

	copyAfter   = 10 * time.Second // of traffic
	rewindAfter = time.Minute      // of the copy
)

// What is done to the folder that nats-server keeps its streams in.
const (
	wiped   kind = "wiped"
	rewound kind = "put back to an old copy"
)

// wipe deletes all streams under load.
func wipe(ctx context.Context, t *trial) error {
	if err := suite.Pause(ctx, wipeAfter); err != nil {
		return err
	}
	up, err := t.takeDown(ctx, wiped, natsServer)
	if err != nil {
		return err
	}
	defer up()
	if err := os.RemoveAll(t.StoreDir(natsServer)); err != nil {
		return fmt.Errorf("delete streams: %w", err)
	}
	return nil
}

// rewind puts all streams back to what they were a minute ago, under load.
func rewind(ctx context.Context, t *trial) error {
	if err := suite.Pause(ctx, copyAfter); err != nil {
		return err
	}
	before := filepath.Join(t.StoreDir(natsServer), "..", "copy")
	if err := t.copyStreams(before); err != nil {
		return err
	}
	if err := suite.Pause(ctx, rewindAfter); err != nil {
		return err
	}
	up, err := t.takeDown(ctx, rewound, natsServer)
	if err != nil {
		return err
	}
	defer up()
	if err := os.RemoveAll(t.StoreDir(natsServer)); err != nil {
		return fmt.Errorf("delete streams: %w", err)
	}
	if err := os.Rename(before, t.StoreDir(natsServer)); err != nil {
		return fmt.Errorf("put old streams back: %w", err)
	}
	return nil
}

// copyStreams copies the streams as they are at one moment, as a snapshot of the
// disk does: the server stands still meanwhile.
func (t *trial) copyStreams(to string) error {
	defer t.diary.begin(frozen, process(natsServer))()
	if err := t.Signal(natsServer, syscall.SIGSTOP); err != nil {
		return err
	}
	err := os.CopyFS(to, os.DirFS(t.StoreDir(natsServer)))
	if err != nil {
		err = fmt.Errorf("copy streams: %w", err)
	}
	if failed := t.Signal(natsServer, syscall.SIGCONT); err == nil {
		err = failed
	}
	return err
}
