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
	isReady  *prometheus.Desc

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
		return newAdmin(), nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("open admin port: %w (set POSTRIDER_ADMIN_LISTEN)", err)
	}
	a := newAdmin()
	a.served = make(chan struct{})
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

func newAdmin() *admin {
	return &admin{isReady: prometheus.NewDesc("postrider_stage_ready", "1 while the stage can do its work, as /readyz tells, 0 while it cannot.", []string{"stage"}, nil)}
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
// which can and why the others cannot.
func (a *admin) ready(w http.ResponseWriter, r *http.Request) {
	status := http.StatusOK
	faults := a.faults(r.Context())
	if len(faults) == 0 {
		status = http.StatusServiceUnavailable // not begun yet
	}
	stages := make(map[string]string)
	for stage, err := range faults {
		if err != nil {
			status = http.StatusServiceUnavailable
			stages[stage] = oneLine(err)
			continue
		}
		stages[stage] = "ok"
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(stages)
}

// faults is why each stage cannot do its work, nil where it can. To have too few
// rights at NATS is such a reason even for a stage that goes on without NATS: nobody
// mends that but people, who are to see it before they replace the next process.
func (a *admin) faults(ctx context.Context) map[string]error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	a.mu.Lock()
	defer a.mu.Unlock()
	faults := make(map[string]error)
	for _, s := range a.stages {
		err := cmp.Or(s.env.Bus.Denied(), s.stage.Ready(ctx, s.env))
		if a.draining.Load() {
			err = errors.New("draining")
		}
		faults[s.stage.Name()] = err
	}
	return faults
}

// Describe implements prometheus.Collector.
func (a *admin) Describe(ch chan<- *prometheus.Desc) { ch <- a.isReady }

// Collect implements prometheus.Collector.
func (a *admin) Collect(ch chan<- prometheus.Metric) {
	for stage, err := range a.faults(context.Background()) {
		ready := 0.0
		if err == nil {
			ready = 1
		}
		ch <- prometheus.MustNewConstMetric(a.isReady, prometheus.GaugeValue, ready, stage)
	}
}
