package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/postrider/postrider/ingest"
)

// announce prints the line ready once the API answers: where, with which token,
// and a first command to try.
func announce(ctx context.Context, out io.Writer, url, token, egressAllow string) {
	for !answers(ctx, url+"/api/v1/health/ping") {
		select {
		case <-ctx.Done():
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
	if egressAllow != "" {
		_, _ = fmt.Fprintf(out, "endpoints may be at %s although private: set POSTRIDER_EGRESS_ALLOW to change that\n", egressAllow)
	}
	_, _ = fmt.Fprintf(out, "ready %s token %s try: curl -s %s/api/v1/app -H 'Authorization: Bearer %s' -d '{\"name\":\"first\"}'\n",
		url, token, url, token)
}

func answers(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody) //nolint:gosec // our own address
	if err != nil {
		return false
	}
	transport := &http.Transport{
		DisableKeepAlives: true,                                  // leaves no connection behind
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // our own port, which is told nothing
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusNoContent
}

// apiURL is where a client on this machine finds the API.
func apiURL(stage *ingest.Stage) string {
	if stage.Front.Certificate != "" {
		return "https://" + reachable(stage.Listen)
	}
	return "http://" + reachable(stage.Listen)
}

// reachable is the address as a client on this machine would dial it.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
