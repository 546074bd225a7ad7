// Package suite makes a program of cases: promises, each with what finds out
// whether it is kept. They are chosen by their names and run one after the other,
// with the programs of this source tree, and one that is broken does not keep the
// others from running.
package suite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/postrider/postrider/bench/findings"
	"github.com/postrider/postrider/bench/page"
	"github.com/postrider/postrider/shared/stack"
)

// Exit codes. Failure is also a promise that is broken. Where none is, but one could
// not be looked at here, it is as with other programs that can't do what they are
// told.
const (
	ExitFailure   = 1
	ExitUsage     = 2
	ExitNotTested = 2
)

// ErrNotTested is what the error of a case wraps that cannot be run on this machine,
// whatever becomes of the promise on others.
var ErrNotTested = errors.New("NOT TESTED")

// errBroken is the error of a run in which promises are broken.
var errBroken = errors.New("promises are broken")

// Case is one promise. Run returns an error when it could not find out. One that
// is apart is not among all: it takes long, or more than every machine has.
type Case struct {
	Name, Promise string
	Apart         bool
	Run           func(context.Context, *Trial) error
}

// Trial is one run of a case.
type Trial struct {
	Settings

	Bin    string           // folder of all programs
	Report *findings.Report // to be filled
	Tell   func(format string, args ...any)
}

// Main calls run with the arguments of this process and a context that Ctrl-C
// ends, and returns the exit code.
func Main(run func(ctx context.Context, args []string) int) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return run(ctx, os.Args[1:])
}

// Run is the program, from its arguments to its exit code.
func (s Suite) Run(ctx context.Context, args []string, out, progress io.Writer) int {
	settings, cases, code := s.parse(args, progress)
	if cases == nil {
		return code
	}
	err := s.runAll(ctx, settings, cases, out, progress)
	if err != nil {
		fmt.Fprintf(progress, "%s: %s\n", s.Name, err)
	}
	return exitCode(err)
}

func exitCode(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, ErrNotTested) && !errors.Is(err, errBroken):
		return ExitNotTested
	default:
		return ExitFailure
	}
}

func (s Suite) runAll(ctx context.Context, settings Settings, cases []Case, out, progress io.Writer) (err error) {
	bin, err := os.MkdirTemp("", "postrider-"+s.Name+"-")
	if err != nil {
		return fmt.Errorf("make folder for programs: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(bin)) }()
	fmt.Fprintf(progress, "%s: building\n", s.Name)
	if err := stack.Build(ctx, bin); err != nil {
		return err
	}
	return s.runEach(ctx, settings, cases, bin, out, progress)
}

// runEach runs them with the programs in bin.
func (s Suite) runEach(ctx context.Context, settings Settings, cases []Case, bin string, out, progress io.Writer) error {
	found := findings.Run{Program: s.Name, At: time.Now().UTC()}
	var broken, untested []string
	for _, c := range cases {
		t := s.trial(c, settings, bin, progress)
		switch err := c.Run(ctx, t); {
		case errors.Is(err, ErrNotTested):
			t.Report.Note("**NOT TESTED**", "%s", err)
			untested = append(untested, c.Name)
		case err != nil:
			t.Report.Fault(err)
		}
		if t.Report.Broken() {
			broken = append(broken, c.Name)
		}
		found.Reports = append(found.Reports, t.Report)
		if err := errors.Join(publish(t.Report.String()+"\n", out, settings.text), page.Keep(found, settings.json, settings.html)); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	var failed error
	if len(broken) > 0 {
		failed = fmt.Errorf("%w: %s", errBroken, strings.Join(broken, ", "))
	}
	if len(untested) > 0 {
		failed = errors.Join(failed, fmt.Errorf("%w: %s", ErrNotTested, strings.Join(untested, ", ")))
	}
	return failed
}

func (s Suite) trial(c Case, settings Settings, bin string, progress io.Writer) *Trial {
	began := time.Now()
	return &Trial{
		Settings: settings, Bin: bin,
		Report: &findings.Report{Title: c.Name + ": " + c.Promise},
		Tell: func(format string, args ...any) {
			fmt.Fprintf(progress, "%s: %s %5.1f s: %s\n", s.Name, c.Name, time.Since(began).Seconds(), fmt.Sprintf(format, args...))
		},
	}
}

// publish prints, and appends to the file if one is named.
func publish(text string, out io.Writer, file string) error {
	fmt.Fprint(out, text)
	if file == "" {
		return nil
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644) //nolint:gosec // to be read by all
	if err != nil {
		return fmt.Errorf("open report: %w", err)
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// Pause waits, unless ctx ends.
func Pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
