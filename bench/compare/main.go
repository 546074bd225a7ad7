// Command compare puts two runs of a bench side by side, as ratios. It takes what
// `bench/report` and `bench/scenario` write with -json.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/postrider/postrider/bench/findings"
	"github.com/postrider/postrider/bench/page"
)

const (
	exitFailure = 1
	exitUsage   = 2
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, out, faults io.Writer) int {
	flags := flag.NewFlagSet("compare", flag.ContinueOnError)
	flags.SetOutput(faults)
	html := flags.String("html", "", "also write a page with plots to this `file`")
	flags.Usage = func() {
		fmt.Fprintf(faults, "Usage: compare [flags] before.json after.json\n\nFlags:\n")
		flags.PrintDefaults()
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return exitUsage // it was said why
	case flags.NArg() != 2:
		fmt.Fprintln(faults, "compare: name two files")
		return exitUsage
	}
	if err := compare(flags.Arg(0), flags.Arg(1), *html, out); err != nil {
		fmt.Fprintln(faults, "compare:", err)
		return exitFailure
	}
	return 0
}

func compare(one, other, html string, out io.Writer) error {
	before, err := findings.Load(one)
	if err != nil {
		return err
	}
	after, err := findings.Load(other)
	if err != nil {
		return err
	}
	pairs := findings.Compare(before, after)
	if len(pairs) == 0 {
		return errors.New("they have nothing in common")
	}
	for _, pair := range pairs {
		fmt.Fprintln(out, pair)
	}
	if html == "" {
		return nil
	}
	return page.Save(html, func(to io.Writer) error { return page.WriteComparison(to, before, after) })
}
