package e2e

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"
)

// producer posts events without a break and keeps a ledger of every 202. What
// was not answered with 202 it posts again, as producers do.
type producer struct {
	client *client
	app    string
	stop   chan struct{}
	done   sync.WaitGroup

	mu       sync.Mutex
	accepted []string
}

// produce starts a producer of some 30 events a second from each of its senders.
func produce(t *testing.T, c *client, app string, senders int) *producer {
	t.Helper()
	p := &producer{client: c, app: app, stop: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		cancel()
		p.done.Wait()
	})
	for n := range senders {
		p.done.Go(func() { p.send(ctx, n) })
	}
	return p
}

func (p *producer) send(ctx context.Context, sender int) {
	for n := 0; ; n++ {
		p.post(ctx, strconv.Itoa(sender)+"-"+strconv.Itoa(n))
		select {
		case <-p.stop:
			return
		case <-time.After(30 * time.Millisecond):
		}
	}
}

func (p *producer) post(ctx context.Context, name string) {
	for ctx.Err() == nil {
		status, answer, err := p.client.do(ctx, http.MethodPost, "/app/"+p.app+"/msg",
			map[string]any{"eventType": "test.happened", "payload": map[string]any{"name": name}})
		if err == nil && status == http.StatusAccepted {
			p.mu.Lock()
			p.accepted = append(p.accepted, answer["id"].(string))
			p.mu.Unlock()
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// finish stops the producer and returns the ids of everything accepted.
func (p *producer) finish() []string {
	close(p.stop)
	p.done.Wait()
	return p.accepted
}

// count is how many have been accepted so far.
func (p *producer) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.accepted)
}

// more waits until n more events have been accepted.
func (p *producer) more(ctx context.Context, n int) {
	for target := p.count() + n; p.count() < target && ctx.Err() == nil; {
		time.Sleep(5 * time.Millisecond)
	}
}
