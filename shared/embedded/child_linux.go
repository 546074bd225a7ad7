package embedded

import (
	"fmt"
	"os"
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
