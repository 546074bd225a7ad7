package service

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"
)

// Parse reads flags from args, and from the environment what args do not set:
// the variable of the flag some-flag is POSTRIDER_SOME_FLAG. lookup is
// os.LookupEnv, or a test's. Asked for help, or with -version for what it was built
// from, it writes that to the output of fs and returns flag.ErrHelp.
func Parse(fs *flag.FlagSet, args []string, lookup func(string) (string, bool)) error {
	out := fs.Output()
	fs.SetOutput(io.Discard) // what is wrong is said once, by whoever gets the error
	fs.Usage = func() {}
	if len(args) == 1 && (args[0] == "-version" || args[0] == "--version") {
		_, _ = fmt.Fprintln(out, fs.Name(), Version, runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH)
		return flag.ErrHelp
	}
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		help(out, fs)
		return err
	case err != nil:
		return fmt.Errorf("%w (-h lists all flags)", err)
	case fs.NArg() > 0:
		return fmt.Errorf("unexpected argument %q (-h lists all flags)", fs.Arg(0))
	}
	given := make(map[string]bool)
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var faults []error
	fs.VisitAll(func(f *flag.Flag) {
		value, ok := lookup(Variable(f.Name))
		if !ok || given[f.Name] {
			return
		}
		if err := fs.Set(f.Name, value); err != nil {
			faults = append(faults, fmt.Errorf("%s is %q: must be %s", Variable(f.Name), value, wanted(f)))
		}
	})
	return errors.Join(faults...)
}

// Default gives a flag another default, before Parse.
func Default(fs *flag.FlagSet, name, value string) {
	f := fs.Lookup(name)
	if err := f.Value.Set(value); err != nil {
		panic(err) // written in the code
	}
	f.DefValue = value
}

// Variable is the environment variable of a flag.
func Variable(name string) string {
	return "POSTRIDER_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// wanted says what the flag's value looks like.
func wanted(f *flag.Flag) string {
	getter, ok := f.Value.(flag.Getter)
	if !ok {
		return "something else"
	}
	switch getter.Get().(type) {
	case time.Duration:
		return "a duration such as 30s or 5m"
	case bool:
		return "true or false"
	case int, int64:
		return "a whole number"
	default:
		return "something else"
	}
}

// help lists the flags with their variables.
func help(out io.Writer, fs *flag.FlagSet) {
	_, _ = fmt.Fprintf(out, "Usage of %s. A variable counts where its flag is not given; -version alone tells what it was built from.\n", fs.Name())
	fs.VisitAll(func(f *flag.Flag) {
		value, text := flag.UnquoteUsage(f)
		fallback := ""
		if f.DefValue != "" && f.DefValue != "false" {
			fallback = ", default " + f.DefValue
		}
		_, _ = fmt.Fprintf(out, "  -%s %s\n    \t%s (%s%s)\n", f.Name, value, text, Variable(f.Name), fallback)
	})
}
