package stack

import (
	"context"
	"fmt"
	"sync"
	"syscall"

	"github.com/postrider/postrider/shared/embedded"
)

// database is the PostgreSQL server of the stack, which may be started many
// times. It is many processes, and a signal reaches all of them.
type database struct {
	options embedded.PostgresOptions

	mu     sync.Mutex
	server *embedded.Postgres // the last one; nil before the first
}

func (d *database) start(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.server != nil {
		if !isClosed(d.server.Done()) {
			return fmt.Errorf("start %s: it runs already", Postgres)
		}
		if err := d.server.Stop(ctx); err != nil { // it died, and still holds its folder
			return err
		}
	}
	server, err := embedded.StartPostgres(ctx, d.options)
	if err != nil {
		return err
	}
	d.server = server
	return nil
}

func (d *database) last() *embedded.Postgres {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.server
}

func (d *database) done() <-chan struct{} {
	if server := d.last(); server != nil {
		return server.Done()
	}
	return closed
}

func (d *database) pid() int {
	if isClosed(d.done()) {
		return 0
	}
	return d.last().Pid()
}

// ended: of a server, only that it died is known.
func (d *database) ended() (code int, err error) {
	if server := d.last(); server != nil && server.Err() != nil {
		return -1, server.Err()
	}
	return 0, nil
}

func (d *database) signal(sig syscall.Signal) error {
	server := d.last()
	if server == nil {
		return fmt.Errorf("signal %s: it was never started", Postgres)
	}
	switch sig {
	case syscall.SIGKILL:
		server.Kill()
	case syscall.SIGSTOP:
		server.Freeze()
	case syscall.SIGCONT:
		server.Thaw()
	default:
		return fmt.Errorf("signal %s: it knows no %s", Postgres, sig)
	}
	return nil
}

func (d *database) stop(ctx context.Context) error {
	server := d.last()
	if server == nil {
		return nil
	}
	server.Thaw()
	return server.Stop(ctx)
}
