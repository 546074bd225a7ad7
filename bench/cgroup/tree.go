package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// tree is where groups of one controller are, or of all of them in version 2.
type tree struct {
	controller string // of version 1
	unified    bool   // of version 2
	mount      string
	own        string // the group of this process, in the tree
}

// controllers are those that limits are for.
func controllers() []string { return []string{"cpu", "memory"} }

var errNoTree = errors.New("no control groups are mounted")

// find finds the trees that limit CPU and memory. Where both versions are mounted,
// version 1 has them.
func find(files fs.FS) ([]tree, error) {
	mounts, err1 := fs.ReadFile(files, "proc/self/mounts")
	own, err2 := fs.ReadFile(files, "proc/self/cgroup")
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	mount := map[string]string{} // by controller; of version 2 by none
	for line := range strings.Lines(string(mounts)) {
		f := strings.Fields(line) // what, where, of which type, with which options
		switch {
		case len(f) < 4:
		case f[2] == "cgroup2":
			mount[""] = f[1]
		case f[2] == "cgroup":
			for option := range strings.SplitSeq(f[3], ",") {
				mount[option] = f[1]
			}
		}
	}
	group := map[string]string{}
	for line := range strings.Lines(string(own)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3) // number, controllers, path
		if len(parts) < 3 {
			continue
		}
		for controller := range strings.SplitSeq(parts[1], ",") {
			group[controller] = parts[2]
		}
	}
	var trees []tree
	for _, c := range controllers() {
		if at, mounted := mount[c]; mounted {
			trees = append(trees, tree{controller: c, mount: at, own: reachable(files, at, group[c])})
		}
	}
	switch at, mounted := mount[""]; {
	case len(trees) == len(controllers()):
		return trees, nil
	case len(trees) == 0 && mounted:
		return []tree{{unified: true, mount: at, own: reachable(files, at, group[""])}}, nil
	default:
		return nil, errNoTree
	}
}

// reachable is the group itself, or the first of its tree: a container may see a part
// of a tree and be told of its place in the whole.
func reachable(files fs.FS, mount, group string) string {
	if _, err := fs.Stat(files, strings.TrimPrefix(path.Join(mount, group), "/")); err != nil {
		return "/"
	}
	return group
}

// settings are the files of a group by which it is limited.
func (t tree) settings(l Limits) map[string]string {
	quota := strconv.FormatInt(int64(l.CPUs*float64(period.Microseconds())), 10)
	whole := strconv.FormatInt(period.Microseconds(), 10)
	memory := strconv.FormatInt(l.Memory, 10)
	switch {
	case t.unified:
		return map[string]string{"cpu.max": fmt.Sprintf("%s %s", quota, whole), "memory.max": memory}
	case t.controller == "cpu":
		return map[string]string{"cpu.cfs_period_us": whole, "cpu.cfs_quota_us": quota}
	default:
		return map[string]string{"memory.limit_in_bytes": memory}
	}
}
