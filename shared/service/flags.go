package service

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"
)

// Parse reads flags from args, and from the environment what args do not set:
// the variable of the flag some-flag is POSTRIDER_SOME_FLAG, and POSTRIDER_SOME_FLAG_FILE
// may name a file to read it from instead. lookup is os.LookupEnv, or a test's. Asked
// for help, or with -version for what it was built from, it writes that to the output
// of fs and returns flag.ErrHelp.
func Parse(fs *flag.FlagSet, args []string, lookup func(string) (string, bool)) error {
	out := fs.Output()
	fs.Usage = func() { help(out, fs) }
	words, err := ParseWords(fs, args, lookup)
	if err == nil && len(words) > 0 {
		return fmt.Errorf("unexpected argument %q (-h lists all flags)", words[0])
	}
	return err
}

// ParseWords is Parse for a program that takes words beside flags: it returns them,
// wherever they stand. fs.Usage writes the help.
func ParseWords(fs *flag.FlagSet, args []string, lookup func(string) (string, bool)) (words []string, err error) {
	out, usage := fs.Output(), fs.Usage
	fs.SetOutput(io.Discard) // what is wrong is said once, by whoever gets the error
	fs.Usage = func() {}
	if len(args) == 1 && (args[0] == "-version" || args[0] == "--version") {
		_, _ = fmt.Fprintln(out, About(fs.Name()))
		return nil, flag.ErrHelp
	}
	for { // the flag package stops at the first word
		switch err := fs.Parse(args); {
		case errors.Is(err, flag.ErrHelp):
			usage()
			return nil, err
		case err != nil:
			return nil, fmt.Errorf("%w (-h lists all flags)", err)
		case fs.NArg() == 0:
			return words, fillFromEnvironment(fs, lookup)
		}
		words, args = append(words, fs.Arg(0)), fs.Args()[1:]
	}
}

// About says what a program was built from.
func About(program string) string {
	return fmt.Sprintf("%s %s %s %s/%s", program, Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// fillFromEnvironment sets the flags that args did not set. It joins all faults.
func fillFromEnvironment(fs *flag.FlagSet, lookup func(string) (string, bool)) error {
	given := make(map[string]bool)
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var faults []error
	fs.VisitAll(func(f *flag.Flag) {
		if given[f.Name] {
			return
		}
		if err := setFromEnvironment(f, lookup); err != nil {
			faults = append(faults, err)
		}
	})
	return errors.Join(faults...)
}

// setFromEnvironment sets a flag to what its variable says, or to what is in the file
// that its other variable names. No error shows what is in a file: it is there because
// it is secret.
func setFromEnvironment(f *flag.Flag, lookup func(string) (string, bool)) error {
	value, isSet := lookup(Variable(f.Name))
	name, isFile := lookup(FileVariable(f.Name))
	switch {
	case isSet && isFile:
		return fmt.Errorf("%s and %s are both set: set one of them", Variable(f.Name), FileVariable(f.Name))
	case isSet:
		if f.Value.Set(value) != nil {
			return fmt.Errorf("%s is %q: must be %s", Variable(f.Name), value, wanted(f))
		}
	case isFile:
		text, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("%s: %w", FileVariable(f.Name), err)
		}
		value = strings.TrimRight(string(text), "\r\n")
		if value == "" {
			return fmt.Errorf("%s: %s is empty", FileVariable(f.Name), name)
		}
		if f.Value.Set(value) != nil {
			return fmt.Errorf("%s: what is in %s must be %s", FileVariable(f.Name), name, wanted(f))
		}
	}
	return nil
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

// FileVariable is the environment variable that names a file with the value of a flag.
func FileVariable(name string) string { return Variable(name) + "_FILE" }

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

func help(out io.Writer, fs *flag.FlagSet) {
	_, _ = fmt.Fprintf(out, "Usage of %s. A variable counts where its flag is not given, and one that ends in _FILE names a file to read it from; -version alone tells what it was built from.\n", fs.Name())
	PrintFlags(out, fs)
}

// PrintFlags lists the flags with their variables.
func PrintFlags(out io.Writer, fs *flag.FlagSet) {
	fs.VisitAll(func(f *flag.Flag) {
		value, text := flag.UnquoteUsage(f)
		fallback := ""
		if f.DefValue != "" && f.DefValue != "false" {
			fallback = ", default " + f.DefValue
		}
		_, _ = fmt.Fprintf(out, "  -%s %s\n    \t%s (%s%s)\n", f.Name, value, text, Variable(f.Name), fallback)
	})
}
