// Package cgroup runs programs with less of the machine than there is, in a control
// group of Linux: of version 1, where each controller has a tree of its own, or 2.
package cgroup

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrNone says that no such group can be made here: there are no control groups, or
// this process has no right to make any.
var ErrNone = errors.New("no control group can be made here")

// Limits are what all processes of a group may have together.
type Limits struct {
	CPUs   float64 // cores: a quarter is 25 ms in each 100
	Memory int64   // bytes
}

// Group is a control group. It is not safe for concurrent use.
type Group struct {
	parts []part
}

// part is the group in one of the trees: in version 2 there is only one.
type part struct {
	dir  string
	home string // the group that this process is of
}

// period is that of the scheduler: a group that has used up its time waits for the
// next one.
const period = 100 * time.Millisecond

// New makes a group with these limits, below the one that this process is of. Close
// must be called.
func New(l Limits) (*Group, error) { return newGroup(os.DirFS("/"), "/", l) }

// newGroup reads where groups are in the file system, which begins at root.
func newGroup(files fs.FS, root string, l Limits) (g *Group, err error) {
	trees, err := find(files)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNone, err)
	}
	g = &Group{}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w: %w", ErrNone, errors.Join(err, g.Close()))
			g = nil
		}
	}()
	name := "bench-" + strings.ToLower(rand.Text()[:8])
	for _, t := range trees {
		home := filepath.Join(root, t.mount, t.own)
		dir := filepath.Join(home, name)
		if t.unified {
			if dir, err = g.unified(home, name); err != nil {
				return g, err
			}
		}
		if err := os.Mkdir(dir, 0o755); err != nil { //nolint:gosec // as all of its kind
			return g, err
		}
		g.parts = append(g.parts, part{dir, home})
		for file, value := range t.settings(l) {
			if err := write(dir, file, value); err != nil {
				return g, err
			}
		}
	}
	return g, nil
}

// unified finds where a group of version 2 can be. Below a group that has processes
// there are no controllers, but for the first of all; so it may have to be a sibling
// of ours.
func (*Group) unified(home, name string) (dir string, err error) {
	var failed error
	for _, parent := range []string{home, filepath.Dir(home)} {
		if err := enable(parent); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		return filepath.Join(parent, name), nil
	}
	return "", failed
}

// enable lets the groups below this one be limited.
func enable(parent string) error {
	const control = "cgroup.subtree_control"
	text, err := os.ReadFile(filepath.Join(parent, control))
	if err != nil {
		return err
	}
	have := strings.Fields(string(text))
	for _, controller := range controllers() {
		if slices.Contains(have, controller) {
			continue
		}
		if err := write(parent, control, "+"+controller); err != nil {
			return err
		}
	}
	return nil
}

func write(dir, file, value string) error {
	return os.WriteFile(filepath.Join(dir, file), []byte(value), 0o644) //nolint:gosec // files of the kernel, whose rights these are not
}

// Start calls start, and what that starts belongs to the group. So does this process
// meanwhile, as the group of a new one is that of who starts it.
func (g *Group) Start(start func() error) (err error) {
	defer func() {
		for _, p := range g.parts {
			if back := enter(p.home); back != nil {
				err = errors.Join(err, fmt.Errorf("leave control group: %w", back))
			}
		}
	}()
	for _, p := range g.parts {
		if err := enter(p.dir); err != nil {
			return fmt.Errorf("enter control group: %w", err)
		}
	}
	return start()
}

func enter(dir string) error { return write(dir, "cgroup.procs", strconv.Itoa(os.Getpid())) }

const (
	closeTries = 50
	closePause = 20 * time.Millisecond
)

// Close removes the group, whose processes must have ended.
func (g *Group) Close() (failed error) {
	for _, p := range g.parts {
		err := os.Remove(p.dir)
		for n := 0; n < closeTries && errors.Is(err, syscall.EBUSY); n++ { // the last process is still being buried
			time.Sleep(closePause)
			err = os.Remove(p.dir)
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("remove control group: %w", err))
		}
	}
	g.parts = nil
	return failed
}
