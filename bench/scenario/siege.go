package main

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/bench/suite"
	"github.com/postrider/postrider/shared/event"
)

// siegePart is this program as somebody who means ill.
const siegePart = "siege"

const (
	slowDrip   = time.Second            // between two bytes of a slow connection
	slowPause  = 500 * time.Millisecond // until one that was closed is opened again
	slowClient = 100                    // connections of one address
	loginsOf   = 100                    // wrong tokens of one address
	loginsBy   = 32                     // at the same time
	openEvery  = 100 * time.Millisecond // how often open connections are counted
)

// siege is what is done to a server, all of it from other addresses of this machine
// than good requests come from.
type siege struct {
	URL    string
	Slow   int // connections that say as little as they can
	Logins int // requests with wrong tokens, evenly over the time
	Span   time.Duration
}

// met is what became of it.
type met struct {
	MeanOpen              float64
	MostOpen              int64
	Closed                int64
	Wrong, Limited, Other int64   // answers to wrong tokens: 401, 429, anything else or none
	Longest               float64 // ms, of these
}

// besiege reads a siege and writes what became of it, both as JSON.
func besiege(ctx context.Context, in io.Reader, out io.Writer) error {
	var s siege
	if err := json.NewDecoder(in).Decode(&s); err != nil {
		return fmt.Errorf("read siege: %w", err)
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		return fmt.Errorf("parse URL: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.Span)
	defer cancel()
	var found met
	var slow slowness
	var all sync.WaitGroup
	for i := range s.Slow {
		all.Go(func() { slow.hold(ctx, u.Host, i) })
	}
	all.Go(func() { slow.count(ctx, &found) })
	all.Go(func() { s.guess(ctx, &found) })
	all.Wait()
	found.Closed = slow.closed.Load()
	if err := json.NewEncoder(out).Encode(found); err != nil {
		return fmt.Errorf("write what became of it: %w", err)
	}
	return nil
}

// slowness is many slow connections.
type slowness struct{ open, closed atomic.Int64 }

// hold keeps one open, again and again. A third of them say nothing, a third drip
// the head of a request, and a third a body that nobody wants.
func (s *slowness) hold(ctx context.Context, address string, i int) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i/slowClient))}} //nolint:gosec // a few dozen
	for ctx.Err() == nil {
		if conn, err := dialer.DialContext(ctx, "tcp", address); err == nil {
			s.open.Add(1)
			drip(ctx, conn, i%3)
			s.open.Add(-1)
			if ctx.Err() == nil {
				s.closed.Add(1)
			}
		}
		_ = suite.Pause(ctx, slowPause)
	}
}

// drip says as little as it can until the other side closes, or ctx ends.
func drip(ctx context.Context, conn net.Conn, kind int) {
	defer conn.Close()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, conn) // until it is closed
	}()
	defer func() { <-ended }()
	defer conn.Close()
	const head = "POST /api/v1/app/nobody/msg HTTP/1.1\r\nHost: postrider\r\nContent-Length: 200000\r\n"
	switch kind {
	case 1:
		_, _ = io.WriteString(conn, head)
	case 2:
		_, _ = io.WriteString(conn, head+"\r\n")
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ended:
			return
		case <-time.After(slowDrip):
		}
		if kind == 0 {
			continue
		}
		if _, err := io.WriteString(conn, "x"); err != nil {
			return
		}
	}
}

// count notes how many are open.
func (s *slowness) count(ctx context.Context, found *met) {
	var sum, n float64
	for suite.Pause(ctx, openEvery) == nil {
		open := s.open.Load()
		sum, n = sum+float64(open), n+1
		found.MostOpen, found.MeanOpen = max(found.MostOpen, open), sum/n
	}
}

// guess sends wrong tokens by the clock: well-formed API keys and what could be a
// signed token, by turns.
func (s *siege) guess(ctx context.Context, found *met) {
	clients := make([]*http.Client, (s.Logins+loginsOf-1)/loginsOf)
	for i := range clients {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 2, byte(1+i))}}
		clients[i] = &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext}, Timeout: s.Span}
		defer clients[i].CloseIdleConnections()
	}
	var mu sync.Mutex
	var next atomic.Int64
	began, every := time.Now(), s.Span*9/10/time.Duration(s.Logins)
	var all sync.WaitGroup
	for range loginsBy {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(s.Logins); i = next.Add(1) - 1 {
				if suite.Pause(ctx, time.Until(began.Add(time.Duration(i)*every))) != nil {
					return
				}
				status, took := login(ctx, clients[int(i)%len(clients)], s.URL, wrongToken(i))
				mu.Lock()
				found.note(status, took)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	found.Other = int64(s.Logins) - found.Wrong - found.Limited
}

func (m *met) note(status int, took time.Duration) {
	switch status {
	case http.StatusUnauthorized:
		m.Wrong++
	case http.StatusTooManyRequests:
		m.Limited++
	}
	m.Longest = max(m.Longest, took.Seconds()*1000)
}

func login(ctx context.Context, by *http.Client, base, token string) (status int, took time.Duration) {
	began := time.Now()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/api/v1/app/nobody/msg", strings.NewReader(`{"eventType":"a","payload":{}}`))
	if err != nil {
		return 0, 0
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := by.Do(request)
	if err != nil {
		return 0, time.Since(began)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, time.Since(began)
}

func wrongToken(i int64) string {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	text := strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret))
	if i%2 == 0 {
		return event.APIKey.Format(event.NewID()) + "_" + text
	}
	return "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJzdml4LXNlcnZlciIsInN1YiI6Im9yZ18yM3JiOFlkR3FNVDBxSXpwZ0d3ZFhmSGlyTXUifQ." + text
}
