package embedded

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// pipeDelay is how long the end of a child waits for what its own children,
// who share its standard error, may still write.
const pipeDelay = time.Second

// child is a process that does not outlive us.
type child struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the process is gone
	err  error         // how it ended; to be read after done
}

// startChild starts cmd in its own process group, where Ctrl-C at the terminal
// does not reach it before we have drained. When we die without stopping it,
// Linux sends it whenOrphaned; elsewhere it is found at the next start.
func startChild(cmd *exec.Cmd, user account, whenOrphaned syscall.Signal) (*child, error) {
	cmd.Dir = "/" // ours may be closed to the account
	cmd.Env = childEnv()
	cmd.WaitDelay = pipeDelay
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: user.credential()}
	setParentDeathSignal(cmd.SysProcAttr, whenOrphaned)

	c := &child{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go c.run(started)
	if err := <-started; err != nil {
		<-c.done
		return nil, err
	}
	return c, nil
}

// run owns the process from start to end. The parent death signal comes when the
// thread that started the process ends, not the whole of us, so the thread is
// kept until the process is gone.
func (c *child) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(c.done)
	err := c.cmd.Start()
	started <- err
	if err == nil {
		c.err = c.cmd.Wait()
	}
}

// signal sends sig to the process itself, not to its children. A process that is
// gone already is no error.
func (c *child) signal(sig syscall.Signal) error {
	if err := c.cmd.Process.Signal(sig); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// kill ends the process and those of its children that stayed in its process
// group, and waits for it.
func (c *child) kill() {
	_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL) // no such group: all are gone
	<-c.done
}

// childEnv is our environment without what would change the server's mind. In
// the C locale its messages are those that are looked for here.
func childEnv() []string {
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return strings.HasPrefix(entry, "PG") || strings.HasPrefix(entry, "LC_") || strings.HasPrefix(entry, "LANG")
	})
	return append(env, "LC_ALL=C")
}
