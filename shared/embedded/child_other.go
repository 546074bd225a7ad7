//go:build !linux

package embedded

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// Only Linux tells a child that its parent died.
func setParentDeathSignal(*syscall.SysProcAttr, syscall.Signal) {}

// runsIn tells whether process pid was started on folder dir.
func runsIn(pid int, dir string) bool {
	out, err := exec.Command("ps", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.Contains(string(out), dir)
}

// Only Linux lets a process use an inherited folder by a path.
func folderOfDescriptor(int) (string, bool) { return "", false }

// childrenOf knows of none: what is sent to a server reaches only the first of
// its processes.
func childrenOf(int) []int { return nil }
