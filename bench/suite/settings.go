package suite

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"time"
)

// Suite is such a program.
type Suite struct {
	Name  string // of the program
	Kind  string // what it calls a case
	Cases []Case
	Flags func(*flag.FlagSet) // registers flags of its own
	Check func() error        // says what is wrong with them
}

// Settings are the flags that all have.
type Settings struct {
	Dir  string        // for data
	Rate float64       // events a second; 0: as promised
	Span time.Duration // of the sending; 0: as long as it needs

	text, json, html string // files to write to
}

// parse returns the cases that are to be run, or none and the exit code: then it
// was said why.
func (s Suite) parse(args []string, progress io.Writer) (settings Settings, chosen []Case, code int) {
	flags := flag.NewFlagSet(s.Name, flag.ContinueOnError)
	flags.SetOutput(progress)
	flags.Usage = func() { s.usage(flags, progress) }
	flags.StringVar(&settings.Dir, "dir", ".", "where to put data meanwhile: on a disk like that of a real installation")
	flags.Float64Var(&settings.Rate, "rate", 0, "`events` a second; without, what is promised. Not all heed it")
	flags.DurationVar(&settings.Span, "for", 0, "how long to send; without, as long as it takes to find out. Not all heed it")
	flags.StringVar(&settings.text, "o", "", "also append what was found to this `file`, as Markdown")
	flags.StringVar(&settings.json, "json", "", "and write it to this `file` as JSON, which bench/compare reads")
	flags.StringVar(&settings.html, "html", "", "and to this `file` as a page with plots")
	s.Flags(flags)
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return settings, nil, 0
	case err != nil:
		return settings, nil, ExitUsage
	}
	chosen, err := s.choose(flags.Args())
	if err == nil && (settings.Rate < 0 || settings.Span < 0) {
		err = errors.New("rate and for must not be negative")
	}
	if err == nil {
		err = s.Check()
	}
	if err != nil {
		fmt.Fprintf(progress, "%s: %s\n", s.Name, err)
		return settings, nil, ExitUsage
	}
	return settings, chosen, 0
}

func (s Suite) usage(flags *flag.FlagSet, out io.Writer) {
	fmt.Fprintf(out, "Usage: %s [flags] all|%s…\n\nEach %s, and what is promised:\n", s.Name, s.Kind, s.Kind)
	for _, c := range s.Cases {
		promise := c.Promise
		if c.Apart {
			promise += " (not among all)"
		}
		fmt.Fprintf(out, "  %-15s %s\n", c.Name, promise)
	}
	fmt.Fprintf(out, "\nFlags:\n")
	flags.PrintDefaults()
}

// choose finds cases by their names.
func (s Suite) choose(names []string) ([]Case, error) {
	if len(names) == 0 {
		return nil, fmt.Errorf("name a %s, or all (-h lists them)", s.Kind)
	}
	var chosen []Case
	for _, name := range names {
		known := false
		for _, c := range s.Cases {
			if name == c.Name || name == "all" && !c.Apart {
				chosen, known = append(chosen, c), true
			}
		}
		if !known {
			return nil, fmt.Errorf("there is no %s %q (-h lists them)", s.Kind, name)
		}
	}
	return chosen, nil
}
