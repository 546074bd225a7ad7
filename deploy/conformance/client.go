package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// client is a program that uses one version of a library.
type client struct {
	name    string
	dir     string // where it is prepared and run
	prepare func(ctx context.Context, bin string) error
	command []string // set by prepare
}

// goClient builds the one program in go against the version that a .mod file
// requires. What differs between versions is chosen by a tag that names it.
func goClient(mod string) (*client, error) {
	text, err := os.ReadFile(mod)
	if err != nil {
		return nil, fmt.Errorf("read module: %w", err)
	}
	version := regexp.MustCompile(`svix-webhooks v(\S+)`).FindSubmatch(text)
	if version == nil {
		return nil, fmt.Errorf("read module: %s requires no svix-webhooks", mod)
	}
	c := &client{name: "go-" + string(version[1]), dir: filepath.Dir(mod)}
	c.prepare = func(ctx context.Context, bin string) error {
		program := filepath.Join(bin, c.name)
		c.command = []string{program}
		tag := "svix_" + strings.ReplaceAll(string(version[1]), ".", "_")
		return c.execute(ctx, "go", "build", "-modfile="+filepath.Base(mod), "-tags="+tag, "-o", program, ".")
	}
	return c, nil
}

// nodeClient runs the main.mjs of a folder, with the packages that its lock file
// names, which are installed where they are not yet.
func nodeClient(dir string) *client {
	c := &client{name: "js-" + strings.TrimPrefix(filepath.Base(dir), "svix-"), dir: dir, command: []string{"node", "main.mjs"}}
	c.prepare = func(ctx context.Context, _ string) error {
		if installed(dir) {
			return nil
		}
		return c.execute(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	}
	return c
}

// installed reports whether the packages are those of the lock file: npm keeps a
// copy of what it installed, which is newer than the file it was made of.
func installed(dir string) bool {
	want, err1 := os.Stat(filepath.Join(dir, "package-lock.json"))
	have, err2 := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json"))
	return err1 == nil && err2 == nil && !have.ModTime().Before(want.ModTime())
}

func (c *client) execute(ctx context.Context, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = c.dir
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, bytes.TrimSpace(output))
	}
	return nil
}

// run runs the client and passes on what it prints, line by line, with its name.
func (c *client) run(ctx context.Context, out io.Writer, env []string) error {
	cmd := exec.CommandContext(ctx, c.command[0], c.command[1:]...)
	cmd.Dir, cmd.Env = c.dir, slices.Concat(env, []string{"CLIENT=" + c.name})
	read, write := io.Pipe()
	cmd.Stdout, cmd.Stderr = write, write
	printed := make(chan struct{})
	go func() {
		defer close(printed)
		lines := bufio.NewScanner(read)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			_, _ = fmt.Fprintf(out, "%-16s %s\n", c.name, lines.Text())
		}
		_, _ = io.Copy(io.Discard, read) // a line that is too long must not stop the program
	}()
	err := cmd.Run()
	_ = write.Close()
	<-printed
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", c.name, context.Cause(ctx))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	return nil
}
