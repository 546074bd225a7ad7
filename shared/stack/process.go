package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// process is one program of the stack, which may be started many times.
type process struct {
	name    string
	program string
	args    []string
	env     []string
	log     string // file that its output is appended to

	cmd    *exec.Cmd
	exited chan struct{} // closed when the last start has ended
	err    error         // how; set before exited is closed
}

func (p *process) start() error {
	if p.running() {
		return fmt.Errorf("start %s: it runs already", p.name)
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open log of %s: %w", p.name, err)
	}
	defer func() { _ = log.Close() }()         // the child has its own
	p.cmd = exec.Command(p.program, p.args...) //nolint:gosec,noctx // our own programs; ended by stop
	p.cmd.Env = p.env
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for whoever drives the stack
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	p.exited = make(chan struct{})
	go func() {
		defer close(p.exited)
		p.err = p.cmd.Wait()
	}()
	return nil
}

func (p *process) running() bool {
	if p.exited == nil {
		return false
	}
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// stop ends the process with SIGTERM, or SIGKILL when ctx ends before it did. A
// process that ended before is not looked at.
func (p *process) stop(ctx context.Context) error {
	if !p.running() {
		return nil
	}
	_ = p.cmd.Process.Signal(syscall.SIGCONT) // it may be stopped
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	select {
	case <-p.exited:
	case <-ctx.Done():
		_ = p.cmd.Process.Kill()
		<-p.exited
		return fmt.Errorf("stop %s: killed, it did not end by itself; see %s", p.name, p.log)
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 && !strings.HasPrefix(p.name, NATS) {
		return fmt.Errorf("stop %s: exit code %d; see %s", p.name, code, p.log)
	}
	return nil
}
