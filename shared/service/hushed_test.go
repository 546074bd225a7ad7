package service

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// lines is a log that several goroutines write.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
	said chan struct{}
}

func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() { l.said <- struct{}{} }()
	return hushed{&l.text}.Write(line)
}

// TestHushed has a receiver go on after the end of its answer. Not in parallel: the
// log is everybody's.
func TestHushed(t *testing.T) {
	written := &lines{said: make(chan struct{}, 10)}
	defer log.SetOutput(log.Writer())
	log.SetOutput(written)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokfilth")
			_ = conn.Close()
		}
	}))
	defer receiver.Close()
	response, err := receiver.Client().Get(receiver.URL)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	<-written.said
	log.Print("something else")
	<-written.said
	written.mu.Lock()
	defer written.mu.Unlock()
	require.NotContains(t, written.text.String(), "filth")
	require.Contains(t, written.text.String(), "something else")
}
