package embedded

import "syscall"

// Kill ends the server as a crash of its machine does: all its processes at
// once, with nothing written that was not. Stop must follow it, and the next
// start of the cluster recovers.
func (p *Postgres) Kill() {
	p.Freeze() // who is stopped starts no more processes
	children := childrenOf(p.Pid())
	_ = p.server.signal(syscall.SIGKILL) // gone already
	signalAll(children, syscall.SIGKILL)
	<-p.server.done
}

// Freeze stops all processes of the server where they are. Connections stay, and
// nobody answers.
func (p *Postgres) Freeze() {
	_ = p.server.signal(syscall.SIGSTOP)
	signalAll(childrenOf(p.Pid()), syscall.SIGSTOP)
}

// Thaw lets them go on.
func (p *Postgres) Thaw() {
	signalAll(childrenOf(p.Pid()), syscall.SIGCONT)
	_ = p.server.signal(syscall.SIGCONT)
}

// signalAll passes over those that have ended.
func signalAll(pids []int, sig syscall.Signal) {
	for _, pid := range pids {
		_ = syscall.Kill(pid, sig)
	}
}
