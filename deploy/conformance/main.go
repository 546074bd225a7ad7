// Command conformance runs published client libraries of the Svix API against a
// running Postrider: the whole stack on this machine, a receiver on loopback,
// and one program for each version of each library, which goes through all that
// its users do.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/postrider/postrider/shared/stack"
)

// settings of the system under test. A delivery that fails is tried once more,
// so that dead letters do not take long.
var settings = []string{"POSTRIDER_RETRY_SCHEDULE=1s", "POSTRIDER_LOG_LEVEL=warn"}

// enough is how long all clients together may take.
const enough = 5 * time.Minute

func main() {
	only := flag.String("only", "", "run only the clients whose name contains `text`")
	source := flag.String("source", "deploy/conformance", "`folder` of the clients")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, enough, fmt.Errorf("not done within %s", enough))
	defer cancel()
	if err := run(ctx, os.Stdout, *source, *only); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to be undone
	}
}

func run(ctx context.Context, out io.Writer, source, only string) (err error) {
	clients, err := find(ctx, out, source, only)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "postrider-conformance-")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // only our own
	for _, c := range clients {
		if err := c.prepare(ctx, dir); err != nil {
			return fmt.Errorf("prepare %s: %w", c.name, err)
		}
	}
	s, err := stack.Temporary(ctx, "", stack.Options{Env: settings, NoFsync: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }() //nolint:contextcheck // stops also when ctx has ended
	hooks := httptest.NewServer(newReceiver())
	defer hooks.Close()

	began := time.Now()
	env := append(os.Environ(), "POSTRIDER_URL="+s.URL, "POSTRIDER_TOKEN="+s.Token, "POSTRIDER_RECEIVER="+hooks.URL)
	failed := make([]error, len(clients))
	var work sync.WaitGroup
	for i, c := range clients {
		work.Go(func() { failed[i] = c.run(ctx, out, env) })
	}
	work.Wait()
	if err := errors.Join(failed...); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "conformance: %d clients pass, in %.0f s\n", len(clients), time.Since(began).Seconds())
	return nil
}

// find lists the clients: a Go program for each .mod file in go, and a Node
// program for each folder in js. Without Node there are only the former.
func find(ctx context.Context, out io.Writer, source, only string) ([]*client, error) {
	mods, err1 := filepath.Glob(filepath.Join(source, "go", "*.mod"))
	packages, err2 := filepath.Glob(filepath.Join(source, "js", "*", "package.json"))
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("list clients: %w", err)
	}
	var clients []*client
	for _, mod := range mods {
		c, err := goClient(mod)
		if err != nil {
			return nil, err
		}
		clients = append(clients, c)
	}
	if exec.CommandContext(ctx, "npm", "--version").Run() != nil || exec.CommandContext(ctx, "node", "--version").Run() != nil {
		_, _ = fmt.Fprintln(out, "conformance: no node and npm here, so only the Go clients are run")
		packages = nil
	}
	for _, file := range packages {
		clients = append(clients, nodeClient(filepath.Dir(file)))
	}
	clients = slices.DeleteFunc(clients, func(c *client) bool { return !strings.Contains(c.name, only) })
	if len(clients) == 0 {
		return nil, fmt.Errorf("no clients in %s", source)
	}
	return clients, nil
}
