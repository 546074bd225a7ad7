package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// patience is how long a client may wait for deliveries.
const patience = 30 * time.Second

// delivery is a webhook as it arrived.
type delivery struct {
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

// receiver is a web server that keeps what it is sent, by path:
//
//	POST /hook/{name}       a delivery
//	PUT  /answer/{name}     its body is the status that further deliveries get; 200 by default
//	GET  /got/{name}?n=2    all deliveries, as soon as there are n
type receiver struct {
	mu      sync.Mutex
	got     map[string][]delivery
	answers map[string]int
	arrived chan struct{} // closed and made anew at each delivery
}

func newReceiver() http.Handler {
	r := &receiver{got: make(map[string][]delivery), answers: make(map[string]int), arrived: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /hook/{name}", r.receive)
	mux.HandleFunc("PUT /answer/{name}", r.answer)
	mux.HandleFunc("GET /got/{name}", r.show)
	return mux
}

func (r *receiver) receive(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return // it hung up
	}
	d := delivery{Headers: make(map[string]string), Body: string(body)}
	for name := range request.Header {
		d.Headers[name] = request.Header.Get(name)
	}
	name := request.PathValue("name")
	r.mu.Lock()
	r.got[name] = append(r.got[name], d)
	status := r.answers[name]
	close(r.arrived)
	r.arrived = make(chan struct{})
	r.mu.Unlock()
	if status == 0 {
		status = http.StatusOK
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"answer":`+strconv.Itoa(status)+`}`)
}

func (r *receiver) answer(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	status, err2 := strconv.Atoi(string(body))
	if err != nil || err2 != nil {
		http.Error(w, "no status", http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers[request.PathValue("name")] = status
}

func (r *receiver) show(w http.ResponseWriter, request *http.Request) {
	least, _ := strconv.Atoi(request.FormValue("n")) // none: all that there are
	ctx, cancel := context.WithTimeout(request.Context(), patience)
	defer cancel()
	for {
		r.mu.Lock()
		got, arrived := r.got[request.PathValue("name")], r.arrived
		r.mu.Unlock()
		if len(got) >= least {
			_ = json.NewEncoder(w).Encode(append([]delivery{}, got...))
			return
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			http.Error(w, strconv.Itoa(len(got))+" deliveries, not "+strconv.Itoa(least), http.StatusGatewayTimeout)
			return
		}
	}
}
