package archive_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/postrider/postrider/shared/archive"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// What the servers of these tests ask for, and programs find in their environment.
const accessKey, secretKey = "AKIATEST", "secret"

func TestMain(m *testing.M) {
	_ = os.Setenv("AWS_ACCESS_KEY_ID", accessKey)
	_ = os.Setenv("AWS_SECRET_ACCESS_KEY", secretKey)
	if os.Getenv(victimStep) != "" {
		os.Exit(victim())
	}
	testkit.Main(m)
}

// This program becomes a process that archives a day, to be killed at a step.
const (
	victimStep     = "ARCHIVE_TEST_STEP"
	victimDatabase = "ARCHIVE_TEST_DATABASE"
	victimPlace    = "ARCHIVE_TEST_PLACE"
	victimDay      = "ARCHIVE_TEST_DAY"
)

func victim() (code int) {
	err := func() error {
		kill, err := strconv.Atoi(os.Getenv(victimStep))
		if err != nil {
			return err
		}
		day, err := time.Parse(time.DateOnly, os.Getenv(victimDay))
		if err != nil {
			return err
		}
		place, err := archive.Open(os.Getenv(victimPlace), os.LookupEnv)
		if err != nil {
			return err
		}
		defer place.Close()
		s, err := store.Open(context.Background(), os.Getenv(victimDatabase), 2)
		if err != nil {
			return err
		}
		defer s.Close()
		step := 0
		_, err = small(place, func() {
			if step++; step == kill {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {} // it comes at once
			}
		}).Day(context.Background(), s, day)
		return err
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
