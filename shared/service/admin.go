package service

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// admin is the second listener: for operators and orchestrators, never for
// tenants.
type admin struct {
	server   *http.Server // nil: serves nothing
	served   chan struct{}
	draining atomic.Bool

	mu     sync.Mutex
	stages []readiness
}

type readiness struct {
	stage Stage
	env   Env
}

// listenAdmin serves on the address from now on; a taken port is known before any
// stage begins. An empty address makes an admin that serves nothing.
func listenAdmin(address string, reg *prometheus.Registry) (*admin, error) {
	if address == "" {
		return &admin{}, nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("open admin port: %w (set POSTRIDER_ADMIN_LISTEN)", err)
	}
	a := &admin{served: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", a.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	a.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		defer close(a.served)
		_ = a.server.Serve(listener) // until close
	}()
	return a, nil
}

func (a *admin) add(s Stage, env Env) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stages = append(a.stages, readiness{s, env})
}

// drain makes the process not ready, while it finishes what it has begun.
func (a *admin) drain() { a.draining.Store(true) }

func (a *admin) close() {
	if a.server != nil {
		_ = a.server.Close() // cuts off whoever still asks
		<-a.served
	}
}

// ready answers 200 when every stage can do its work, else 503; and in JSON
// which can and why the others cannot. To have too few rights at NATS is such a
// reason even for a stage that goes on without NATS: nobody mends that but people,
// who are to see it before they replace the next process.
func (a *admin) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	a.mu.Lock()
	defer a.mu.Unlock()
	status := http.StatusOK
	if len(a.stages) == 0 {
		status = http.StatusServiceUnavailable // not begun yet
	}
	stages := make(map[string]string)
	for _, s := range a.stages {
		err := cmp.Or(s.env.Bus.Denied(), s.stage.Ready(ctx, s.env))
		if a.draining.Load() {
			err = errors.New("draining")
		}
		if err != nil {
			status = http.StatusServiceUnavailable
			stages[s.stage.Name()] = oneLine(err)
			continue
		}
		stages[s.stage.Name()] = "ok"
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(stages)
}
