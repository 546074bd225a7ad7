package suite

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/bench/findings"
)

func twoCases(run func(context.Context, *Trial) error) Suite {
	return Suite{
		Name: "trials", Kind: "trial", Cases: []Case{{"one", "it holds", false, run}, {"two", "it holds, too", false, run}, {"long", "it goes on", true, run}},
		Flags: func(flags *flag.FlagSet) { flags.Bool("hard", false, "") },
		Check: func() error { return nil },
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	s := twoCases(nil)
	settings, all, _ := s.parse([]string{"-rate", "50", "-for", "30s", "-hard", "all"}, t.Output())
	require.Len(t, all, 2)
	require.InDelta(t, 50, settings.Rate, 0)
	require.Equal(t, 30*time.Second, settings.Span)
	_, some, _ := s.parse([]string{"two", "one", "long"}, t.Output())
	require.Equal(t, "two", some[0].Name)
	require.Equal(t, "one", some[1].Name)
	require.Equal(t, "long", some[2].Name)
}

func TestMisuse(t *testing.T) {
	t.Parallel()
	s := twoCases(nil)
	s.Check = func() error { return errors.New("too hard") }
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"-h"}, 0, "it holds, too"},
		{nil, ExitUsage, "trials: name a trial"},
		{[]string{"one", "three"}, ExitUsage, `no trial "three"`},
		{[]string{"-soft", "one"}, ExitUsage, "-soft"},
		{[]string{"-rate", "-1", "one"}, ExitUsage, "must not be negative"},
		{[]string{"-for", "-1s", "one"}, ExitUsage, "must not be negative"},
		{[]string{"one"}, ExitUsage, "too hard"},
	} {
		var said bytes.Buffer
		require.Equal(t, test.code, s.Run(t.Context(), test.args, io.Discard, &said), test.args)
		require.Contains(t, said.String(), test.says)
	}
}

// TestTrial is what a case works with, and what it leaves.
func TestTrial(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	s := twoCases(nil)
	trial := s.trial(s.Cases[0], Settings{Rate: 7}, "/bin", &said)
	trial.Tell("%d of %d", 1, 2)
	require.Regexp(t, `^trials: one +\d\.\d s: 1 of 2\n$`, said.String())
	require.Equal(t, &findings.Report{Title: "one: it holds"}, trial.Report)
	require.InDelta(t, 7, trial.Rate, 0)
}

// TestVerdicts is what becomes of a run by what becomes of its cases.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	lost := errors.New("lost")
	tests := map[string]struct {
		one, two error
		code     int
		says     string
	}{
		"kept":             {nil, nil, 0, ""},
		"broken":           {nil, lost, ExitFailure, "promises are broken: two"},
		"not tested":       {fmt.Errorf("%w: no such machine", ErrNotTested), nil, ExitNotTested, "NOT TESTED: one"},
		"the worse counts": {ErrNotTested, lost, ExitFailure, "promises are broken: two\nNOT TESTED: one"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := Suite{Name: "trials"}
			var out bytes.Buffer
			cases := []Case{
				{Name: "one", Run: func(context.Context, *Trial) error { return test.one }},
				{Name: "two", Run: func(context.Context, *Trial) error { return test.two }},
			}
			err := s.runEach(t.Context(), Settings{}, cases, "", &out, io.Discard)
			require.Equal(t, test.code, exitCode(err))
			if test.says != "" {
				require.EqualError(t, err, test.says)
			}
			require.Equal(t, test.one != nil, strings.Contains(out.String(), "NOT TESTED"))
		})
	}
}

func TestPublish(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "results.md")
	var out bytes.Buffer
	require.NoError(t, publish("one\n", &out, file))
	require.NoError(t, publish("two\n", &out, file))
	require.Equal(t, "one\ntwo\n", out.String())
	written, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, out.String(), string(written), "it is appended to")
	require.ErrorContains(t, publish("x", io.Discard, "/dev/null/x"), "open report")
}

func TestPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		require.NoError(t, Pause(t.Context(), time.Minute))
		require.Equal(t, time.Minute, time.Since(began))
		ended := errors.New("ended")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(ended)
		require.ErrorIs(t, Pause(ctx, time.Hour), ended)
	})
}
