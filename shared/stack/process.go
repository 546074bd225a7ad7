package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// process is one program of the stack, which may be started many times.
type process struct {
	name    string
	program string
	args    []string
	env     []string
	log     string // file that its output is appended to

	mu  sync.Mutex
	run *execution // the last one; nil before the first
}

// execution is a process from one start to its end.
type execution struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed when it has ended
	err    error         // how; to be read after exited
}

func (p *process) start(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.run != nil && !isClosed(p.run.exited) {
		return fmt.Errorf("start %s: it runs already", p.name)
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open log of %s: %w", p.name, err)
	}
	defer func() { _ = log.Close() }()        // the child has its own
	cmd := exec.Command(p.program, p.args...) //nolint:gosec,noctx // our own programs; ended by stop
	cmd.Env = p.env
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for whoever drives the stack
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	run := &execution{cmd: cmd, exited: make(chan struct{})}
	p.run = run
	go func() {
		defer close(run.exited)
		run.err = run.cmd.Wait()
	}()
	return nil
}

// last is the last execution, nil when there was none.
func (p *process) last() *execution {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.run
}

func (p *process) done() <-chan struct{} {
	if run := p.last(); run != nil {
		return run.exited
	}
	return closed
}

func (p *process) pid() int {
	if isClosed(p.done()) {
		return 0
	}
	return p.last().cmd.Process.Pid
}

func (p *process) ended() (code int, err error) {
	run := p.last()
	if run == nil || run.err == nil {
		return 0, nil
	}
	return run.cmd.ProcessState.ExitCode(), fmt.Errorf("%w; see %s", run.err, p.log)
}

func (p *process) signal(sig syscall.Signal) error {
	run := p.last()
	if run == nil {
		return fmt.Errorf("signal %s: it was never started", p.name)
	}
	if err := run.cmd.Process.Signal(sig); err != nil {
		return fmt.Errorf("signal %s: %w", p.name, err)
	}
	return nil
}

// stop ends the process with SIGTERM, or SIGKILL when ctx ends before it did. A
// process that ended before is not looked at.
func (p *process) stop(ctx context.Context) error {
	run := p.last()
	if run == nil || isClosed(run.exited) {
		return nil
	}
	_ = run.cmd.Process.Signal(syscall.SIGCONT) // it may be stopped
	if err := run.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	select {
	case <-run.exited:
	case <-ctx.Done():
		_ = run.cmd.Process.Kill()
		<-run.exited
		return fmt.Errorf("stop %s: killed, it did not end by itself; see %s", p.name, p.log)
	}
	if code := run.cmd.ProcessState.ExitCode(); code != 0 && !isNATS(p.name) {
		return fmt.Errorf("stop %s: exit code %d; see %s", p.name, code, p.log)
	}
	return nil
}

var closed = func() chan struct{} { //nolint:gochecknoglobals // constant
	c := make(chan struct{})
	close(c)
	return c
}()

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
