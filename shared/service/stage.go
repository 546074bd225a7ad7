// Package service is the life of a process: settings from flags and
// environment, logger, metrics, connections, the admin port, and an orderly
// end. A stage is a room that it brings to life; any number of them may share a
// process, and they are the same rooms either way.
package service

import (
	"context"
	"errors"
	"flag"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/postrider/postrider/shared/bus"
	"github.com/postrider/postrider/shared/directory"
	"github.com/postrider/postrider/shared/egress"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/trace"
)

// Version is what this program was built from; the build sets it.
var Version = "dev" //nolint:gochecknoglobals // only the linker writes it

// Stage is one of the five services.
type Stage interface {
	// Name is the stage's name in logs, metrics and on the command line.
	Name() string

	// Flags registers the stage's settings, each with its default and help.
	Flags(*flag.FlagSet)

	// Validate returns what is wrong with the settings, all of it.
	Validate() error

	// Memory is how much memory the stage needs at most, in bytes, whatever is
	// queued and whoever is away.
	Memory() int64

	// Run does the stage's work until ctx ends, and then finishes what it has
	// begun, in at most Env.Drain, and returns nil. It returns an error when it
	// cannot go on; that ends the process.
	Run(ctx context.Context, env Env) error

	// Ready returns why the stage cannot do its work now, nil when it can. Run is
	// called when it first can; after that it is for Run to wait.
	Ready(ctx context.Context, env Env) error
}

// Mender is a stage that mends what the others wait for, and so begins before it can
// do all of its work.
type Mender interface {
	Stage

	// Needs returns why Run cannot be called yet, nil when it can.
	Needs(ctx context.Context, env Env) error
}

// Env is what a stage works with. All of it is shared and safe for concurrent
// use.
type Env struct {
	Log       zerolog.Logger        // carries the stage's name
	Reg       prometheus.Registerer // labels with the stage's name
	Bus       *bus.Bus
	Store     *store.Store
	Directory *directory.Directory
	Egress    egress.Policy
	Trace     *trace.Tracer // nil: nothing is traced
	Drain     time.Duration // how long finishing may take

	status *status // nil: nobody is told how this process is
	work   *work   // nil: nor what the stage does
}

// Health returns why NATS or PostgreSQL cannot be used now.
func (e Env) Health(ctx context.Context) error {
	return errors.Join(e.Bus.Health(), e.Store.Health(ctx))
}

// ErrDrainTimeout is the cause when work was cut off because finishing took too
// long.
var ErrDrainTimeout = errors.New("drain timeout")

// DrainContext returns a context for work that outlives ctx: it ends the drain time
// after ctx did. cancel must be called when the work is done.
func (e Env) DrainContext(ctx context.Context) (drain context.Context, cancel context.CancelFunc) {
	return outlive(ctx, e.Drain, ErrDrainTimeout)
}

// outlive returns a context that ends so long after ctx did, by the cause.
func outlive(ctx context.Context, by time.Duration, cause error) (longer context.Context, cancel context.CancelFunc) {
	longer, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	unhook := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(by)
		defer timer.Stop()
		select {
		case <-timer.C:
			stop(cause)
		case <-longer.Done():
		}
	})
	return longer, func() {
		unhook()
		stop(nil)
	}
}
