package embedded

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

func setParentDeathSignal(attr *syscall.SysProcAttr, sig syscall.Signal) { attr.Pdeathsig = sig }

// runsIn tells whether process pid works in folder dir, which a server does in
// that of its cluster.
func runsIn(pid int, dir string) bool {
	cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	return err == nil && cwd == dir
}

// folderOfDescriptor names an inherited open folder in a way that works even
// where the folders above it are closed to the process.
func folderOfDescriptor(fd int) (string, bool) { return fmt.Sprintf("/proc/self/fd/%d", fd), true }

// childrenOf lists the processes that process pid has started and that are there.
func childrenOf(pid int) []int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil // it is gone
	}
	var children []int
	for field := range strings.FieldsSeq(string(text)) {
		if child, err := strconv.Atoi(field); err == nil {
			children = append(children, child)
		}
	}
	return children
}
