package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/postrider/postrider/bench/metrics"
	"github.com/postrider/postrider/shared/stack"
)

const deliverStage = "deliver"

// withWorkers is so many deliver processes.
func withWorkers(n int, env ...string) stack.Options {
	return stack.Options{Processes: map[string]int{deliverStage: n}, Env: env}
}

// workers are the deliver processes, and what each had attempted when last asked.
type workers struct {
	system   *system
	names    []string
	admin    map[string]string // URLs
	attempts map[string]float64
}

func (s *system) workers() *workers {
	w := &workers{system: s, admin: map[string]string{}, attempts: map[string]float64{}}
	for _, name := range s.Workers() {
		if strings.HasPrefix(name, deliverStage) {
			w.names = append(w.names, name)
			w.admin[name] = s.AdminURL(name)
		}
	}
	return w
}

// busiest is the worker that has made most attempts since it was last asked for.
func (w *workers) busiest(ctx context.Context) (string, error) {
	best, most := w.names[0], 0.0
	for _, name := range w.names {
		told, err := metrics.Ask(ctx, w.admin[name])
		if err != nil {
			return "", fmt.Errorf("ask worker: %w", err)
		}
		now, _ := told.Sum("postrider_delivery_attempts_total") // none before the first
		made := now - w.attempts[name]
		if made < 0 { // it has started anew
			made = now
		}
		if w.attempts[name] = now; made > most {
			best, most = name, made
		}
	}
	return best, nil
}

// kill ends the busiest worker as a crash does, and starts it again.
func (w *workers) kill(ctx context.Context) (string, error) {
	name, err := w.busiest(ctx)
	if err != nil {
		return "", err
	}
	if err := w.system.Kill(ctx, name); err != nil {
		return "", err
	}
	return name, w.system.StartProcess(ctx, name)
}

// killEvery kills a worker at each tick until ctx ends, and returns how many.
func (w *workers) killEvery(ctx context.Context, d time.Duration, tell func(string)) (killed int, err error) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return killed, nil
		}
		name, err := w.kill(context.WithoutCancel(ctx))
		if err != nil {
			return killed, fmt.Errorf("kill a worker: %w", err)
		}
		killed++
		tell(name)
	}
}
