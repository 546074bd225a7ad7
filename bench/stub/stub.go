// Package stub is the least that a load can be sent to: it speaks as much of
// Svix's API as package sender needs, and delivers each event once, from memory,
// without storing anything. It tests the bench and shows what the bench itself
// costs; it says nothing about a real server.
package stub

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/shared/signature"
)

// Options make the server misbehave, as a test of the bench wants.
type Options struct {
	Token  string
	Refuse func(n int64) int // a status to answer the nth request for a message with; 0 accepts it
	Copies func(n int64) int // how often the nth event is delivered; nil is once
	Forge  bool              // sign with keys that the endpoints don't know
}

const (
	workers = 64
	waiting = 10_000 // deliveries in memory; beyond it, accepting waits
)

// Server is an http.Handler. It is safe for concurrent use.
type Server struct {
	options  Options
	mux      *http.ServeMux
	client   *http.Client
	queue    chan delivery
	requests atomic.Int64
	events   atomic.Int64
	made     atomic.Int64

	mu       sync.RWMutex
	tenants  map[string][]endpoint
	accepted map[string]string // ids of messages by idempotency key
}

type endpoint struct {
	id, url string
	key     signature.Key
}

type delivery struct {
	to   endpoint
	id   string
	body []byte
}

// New returns a server that delivers as long as Run runs.
func New(o Options) *Server {
	s := &Server{
		options:  o,
		mux:      http.NewServeMux(),
		client:   &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: workers}},
		queue:    make(chan delivery, waiting),
		tenants:  map[string][]endpoint{},
		accepted: map[string]string{},
	}
	s.mux.HandleFunc("POST /api/v1/app", s.createApplication)
	s.mux.HandleFunc("DELETE /api/v1/app/{app}", s.deleteApplication)
	s.mux.HandleFunc("POST /api/v1/app/{app}/endpoint", s.createEndpoint)
	s.mux.HandleFunc("GET /api/v1/app/{app}/endpoint/{endpoint}/secret", s.endpointSecret)
	s.mux.HandleFunc("POST /api/v1/app/{app}/msg", s.createMessage)
	s.mux.HandleFunc("POST /api/v1/app/{app}/msg/batch", s.createMessages)
	return s
}

// Run delivers until ctx ends.
func (s *Server) Run(ctx context.Context) {
	defer s.client.CloseIdleConnections()
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for {
				select {
				case d := <-s.queue:
					s.deliver(ctx, d)
				case <-ctx.Done():
					return
				}
			}
		})
	}
	wg.Wait()
}

// Applications returns how many there are.
func (s *Server) Applications() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.tenants)
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if s.options.Token != "" && req.Header.Get("Authorization") != "Bearer "+s.options.Token {
		http.Error(w, `{"code":"authentication_failed","detail":"Invalid token"}`, http.StatusUnauthorized)
		return
	}
	s.mux.ServeHTTP(w, req)
}

func (s *Server) createApplication(w http.ResponseWriter, _ *http.Request) {
	id := s.newID("app_")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tenants[id] = nil
	answer(w, http.StatusCreated, map[string]any{"id": id})
}

func (s *Server) deleteApplication(w http.ResponseWriter, req *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tenants, req.PathValue("app"))
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) createEndpoint(w http.ResponseWriter, req *http.Request) {
	var in struct{ URL string }
	if err := json.NewDecoder(req.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	made := endpoint{id: s.newID("ep_"), url: in.URL, key: signature.GenerateKey()}
	s.mu.Lock()
	defer s.mu.Unlock()
	app := req.PathValue("app")
	s.tenants[app] = append(s.tenants[app], made)
	answer(w, http.StatusCreated, map[string]any{"id": made.id})
}

func (s *Server) endpointSecret(w http.ResponseWriter, req *http.Request) {
	for _, e := range s.endpoints(req.PathValue("app")) {
		if e.id == req.PathValue("endpoint") {
			answer(w, http.StatusOK, map[string]any{"key": e.key.Public()})
			return
		}
	}
	http.NotFound(w, req)
}

func (s *Server) createMessage(w http.ResponseWriter, req *http.Request) {
	if s.options.Refuse != nil {
		if status := s.options.Refuse(s.requests.Add(1) - 1); status != 0 {
			http.Error(w, `{"code":"refused","detail":""}`, status)
			return
		}
	}
	var in struct{ Payload json.RawMessage }
	if err := json.NewDecoder(req.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	id := s.take(req.PathValue("app"), req.Header.Get("Idempotency-Key"), in.Payload)
	answer(w, http.StatusAccepted, map[string]any{"id": id, "payload": map[string]any{}})
}

// createMessages takes many at once. It refuses single ones, as a server may.
func (s *Server) createMessages(w http.ResponseWriter, req *http.Request) {
	var in struct {
		Messages []struct{ Payload json.RawMessage }
	}
	if err := json.NewDecoder(req.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	key := req.Header.Get("Idempotency-Key")
	page := make([]map[string]any, 0, len(in.Messages))
	for i, m := range in.Messages {
		if s.options.Refuse != nil {
			if status := s.options.Refuse(s.requests.Add(1) - 1); status != 0 {
				page = append(page, map[string]any{"status": status})
				continue
			}
		}
		each := ""
		if key != "" {
			each = key + "/" + strconv.Itoa(i)
		}
		id := s.take(req.PathValue("app"), each, m.Payload)
		page = append(page, map[string]any{"status": http.StatusAccepted, "message": map[string]any{"id": id}})
	}
	answer(w, http.StatusOK, map[string]any{"data": page})
}

// take accepts an event and queues its deliveries, unless the key is known.
func (s *Server) take(app, key string, payload []byte) (id string) {
	id, isNew := s.accept(key)
	if !isNew {
		return id
	}
	copies := 1
	if n := s.events.Add(1) - 1; s.options.Copies != nil {
		copies = s.options.Copies(n)
	}
	for _, to := range s.endpoints(app) {
		for range copies {
			s.queue <- delivery{to: to, id: id, body: payload}
		}
	}
	return id
}

// accept gives a message its id, the same for the same key.
func (s *Server) accept(key string) (id string, isNew bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id, known := s.accepted[key]; known {
		return id, false
	}
	id = s.newID("msg_")
	if key != "" {
		s.accepted[key] = id
	}
	return id, true
}

func (s *Server) endpoints(app string) []endpoint {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.tenants[app]
}

// deliver makes one attempt and does not care what came of it.
func (s *Server) deliver(ctx context.Context, d delivery) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.to.url, bytes.NewReader(d.body))
	if err != nil {
		return
	}
	key, now := d.to.key, time.Now()
	if s.options.Forge {
		key = signature.GenerateKey()
	}
	req.Header.Set("webhook-id", d.id)
	req.Header.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
	req.Header.Set("webhook-signature", signature.Header([]signature.Key{key}, d.id, now, d.body))
	res, err := s.client.Do(req)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
}

func (s *Server) newID(prefix string) string { return fmt.Sprintf("%s%027d", prefix, s.made.Add(1)) }

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // who asked has left
}
