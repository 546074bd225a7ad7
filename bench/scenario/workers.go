package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

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
		now, err := attempts(ctx, w.admin[name])
		if err != nil {
			return "", err
		}
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

// attempts is how many attempts a process says that it has made.
func attempts(ctx context.Context, admin string) (float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, admin+"/metrics", http.NoBody)
	if err != nil {
		return 0, fmt.Errorf("make request: %w", err)
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return 0, fmt.Errorf("ask worker: %w", err)
	}
	defer response.Body.Close()
	var sum float64
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		sum += metric(lines.Text(), "postrider_delivery_attempts_total")
	}
	return sum, nil
}

// metric is the value on a line of a metric with that name, else 0.
func metric(line, name string) float64 {
	rest, ok := strings.CutPrefix(line, name)
	if !ok || rest == "" || rest[0] != ' ' && rest[0] != '{' {
		return 0
	}
	value, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64)
	if err != nil {
		return 0
	}
	return value
}
