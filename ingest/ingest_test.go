package ingest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/service"
	"github.com/postrider/postrider/shared/testkit"
)

// TestStage posts events over HTTP and stops the stage in the middle: whoever was
// told 202 finds the event on EVENTS, because stopping publishes what is accepted.
func TestStage(t *testing.T) {
	t.Parallel()
	nats, database := testkit.NATS(t).URL(), testkit.Database(t)
	s := testkit.Open(t, database)
	tenant := testkit.Tenant(t, s)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	env := service.Env{Log: testkit.Log(t), Reg: prometheus.NewRegistry(), Bus: testkit.Connect(t, nats), Store: s, Drain: 30 * time.Second}
	stage := &Stage{Listen: address, Token: secret.New("token"), MaxBody: 1 << 20, MaxBatch: 8 << 20, SweepDelay: time.Hour, Retention: 90 * 24 * time.Hour, Front: front()}
	require.NoError(t, stage.Validate())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- stage.Run(ctx, env) }()

	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	post := func() (int, error) {
		url := fmt.Sprintf("http://%s/api/v1/app/%s/msg", address, event.Tenant.Format(tenant))
		q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(`{"eventType": "a", "payload": {}}`))
		if err != nil {
			return 0, err
		}
		q.Header.Set("Authorization", "Bearer token")
		r, err := client.Do(q)
		if err != nil {
			return 0, err
		}
		return r.StatusCode, r.Body.Close()
	}
	testkit.Eventually(t, func() bool {
		status, err := post()
		return err == nil && status == http.StatusAccepted
	}, "the port is open")
	accepted := make(chan int)
	for range 4 {
		go func() {
			n := 0
			for {
				status, err := post()
				if err != nil || status != http.StatusAccepted {
					accepted <- n
					return
				}
				n++
			}
		}()
	}
	testkit.Eventually(t, func() bool { return testkit.StreamMessages(t, nats, event.StreamEvents) > 20 }, "batches are published")
	cancel()
	require.NoError(t, <-ended)
	total := 1
	for range 4 {
		total += <-accepted
	}
	published := 0
	for _, m := range testkit.Messages(t, nats, event.StreamEvents) {
		batch, err := event.DecodeEvents(m.Data)
		require.NoError(t, err)
		published += len(batch)
	}
	require.Equal(t, total, published)
	require.Zero(t, testkit.Value[int](t, database, unpublished))
}

// front is what the settings are by themselves.
func front() Front {
	var s Stage
	s.Flags(flag.NewFlagSet("", flag.ContinueOnError))
	return s.Front
}

// TestOrigins: pages of the portal may call the API, and those that are named.
// TestReady: that PostgreSQL is there is not enough while the gate has not found it.
// The two ask on connections of their own, and each once a second at most.
func TestReady(t *testing.T) {
	t.Parallel()
	env := service.Env{Store: testkit.Open(t, testkit.Database(t))}
	var s Stage
	require.NoError(t, s.Ready(t.Context(), env), "before Run")
	g := newGate(env.Store.Health)
	s.gate.Store(g)
	require.NoError(t, s.Ready(t.Context(), env))
	g.close(errors.New("connection refused"))
	require.ErrorContains(t, s.Ready(t.Context(), env), "connection refused")
	g.ask(t.Context())
	require.NoError(t, s.Ready(t.Context(), env))
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	f := Front{Origins: "https://a.example.com, http://localhost:3000"}
	require.Equal(t, []string{"https://a.example.com", "http://localhost:3000"}, f.origins(""))
	require.Equal(t, []string{"https://a.example.com", "http://localhost:3000", "https://portal.example.com"}, f.origins("https://Portal.example.com:443/path"))
	require.Empty(t, (&Front{}).origins(""))
	for _, wrong := range []string{"portal.example.com", "https://a.example.com/", "https://A.example.com", "https://a.example.com:443", "ftp://a.example.com", "null"} {
		require.False(t, isOrigin(wrong), wrong)
	}
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	err = (&Stage{Listen: l.Addr().String()}).Run(t.Context(), service.Env{})
	require.ErrorContains(t, err, "POSTRIDER_LISTEN", "what to do about it")
}

func TestValidate(t *testing.T) {
	t.Parallel()
	good := func() *Stage {
		return &Stage{Token: secret.New("token"), MaxBody: 1 << 20, MaxBatch: 8 << 20, SweepDelay: time.Second, Retention: 48 * time.Hour, Front: front()}
	}
	require.NoError(t, good().Validate())
	for name, change := range map[string]func(*Stage){
		"jwt-secret":     func(s *Stage) { s.JWTSecret = secret.New("too short") },
		"portal-url":     func(s *Stage) { s.PortalURL = "portal.example.com" },
		"max-body":       func(s *Stage) { s.MaxBody = 10 },
		"max-batch-body": func(s *Stage) { s.MaxBatch = 10 },
		"rational-delay": func(s *Stage) { s.SweepDelay = 0 },
		"retention":      func(s *Stage) { s.Retention = time.Hour },
		"archive":        func(s *Stage) { s.Archive = "ftp://files.example.com" },
		"connections":    func(s *Stage) { s.Front.Connections = 0 },
		"per-address":    func(s *Stage) { s.Front.PerAddress = -1 },
		"trusted":        func(s *Stage) { s.Front.Proxies = "10.0.0.0/8,proxy" },
		"tls-key":        func(s *Stage) { s.Front.Certificate = "tls.crt" },
		"origins":        func(s *Stage) { s.Front.Origins = "https://portal.example.com/login" },
		"failed-logins":  func(s *Stage) { s.Front.FailedLogins = -1 },
		"key-rate":       func(s *Stage) { s.Front.KeyRate = -1 },
		"member-rate":    func(s *Stage) { s.Front.MemberRate = -1 },
	} {
		bad := good()
		change(bad)
		require.ErrorContains(t, bad.Validate(), name)
	}
	require.Len(t, strings.Split((&Stage{JWTSecret: secret.New("short")}).Validate().Error(), "\n"), 7, "all faults at once")
}
