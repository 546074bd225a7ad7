// Package times says whether whoever stops a process of ours waits longer than it
// takes to end, and the process longer than an attempt takes. The times of a process
// are what its program says of itself; those of compose and Kubernetes are given.
package times

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	// record is what is left to do of an attempt when it is made: to write it down,
	// hand it on and acknowledge it.
	record = 5 * time.Second

	// end is what a process does when its stages have finished: it closes connections.
	end = 5 * time.Second
)

// Times are those of a process that is stopped.
type Times struct {
	Delay   time.Duration // it goes on, not ready any more
	Drain   time.Duration // it takes nothing more, and finishes
	Attempt time.Duration // as long as one may take, unless its endpoint says otherwise; 0: it makes none
}

// Of asks the program postrider which times are in effect for a stage with such
// settings. It returns an error for a setting that no program knows.
func Of(ctx context.Context, postrider, stage string, settings map[string]string) (t Times, err error) {
	check := exec.CommandContext(ctx, postrider, "config", "check", stage)
	check.Env = []string{"POSTRIDER_DATABASE_URL=postgres://database/postrider", "POSTRIDER_TOKEN=of-a-test"}
	for name, value := range settings {
		if strings.HasPrefix(name, "POSTRIDER_") && !strings.HasSuffix(name, "_FILE") { // files are elsewhere, and none is a time
			check.Env = append(check.Env, name+"="+value)
		}
	}
	slices.Sort(check.Env)
	said, err := check.Output()
	if err != nil {
		if failed, ok := errors.AsType[*exec.ExitError](err); ok {
			err = fmt.Errorf("%w: %s", err, failed.Stderr)
		}
		return t, fmt.Errorf("check settings of %s: %w", stage, err)
	}
	for _, want := range []struct {
		name string
		into *time.Duration
	}{{"drain-delay", &t.Delay}, {"drain-timeout", &t.Drain}, {"attempt-timeout", &t.Attempt}} {
		found := regexp.MustCompile(`(?m)^` + want.name + ` +(\S+) `).FindSubmatch(said)
		if found == nil {
			continue // not of this stage
		}
		if *want.into, err = time.ParseDuration(string(found[1])); err != nil {
			return t, fmt.Errorf("read %s of %s: %w", want.name, stage, err)
		}
	}
	if t.Drain == 0 {
		return t, fmt.Errorf("%s does not say its drain-timeout: %s", stage, said)
	}
	return t, nil
}

// Fit returns why an attempt could be cut when whoever stops the process kills it so
// long after it was told to end.
func (t Times) Fit(grace time.Duration) error {
	var faults []error
	if need := t.Attempt + record; t.Attempt > 0 && t.Drain < need {
		faults = append(faults, fmt.Errorf("drain-timeout is %s: an attempt takes up to %s, and to be recorded %s", t.Drain, t.Attempt, record))
	}
	if need := t.Delay + t.Drain + end; grace < need {
		faults = append(faults, fmt.Errorf("it is killed after %s: it may take %s + %s + %s", grace, t.Delay, t.Drain, end))
	}
	return errors.Join(faults...)
}
