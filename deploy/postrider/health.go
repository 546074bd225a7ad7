package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	usualHealth = "http://127.0.0.1:8072/readyz"
	maxHealth   = 64 << 10 // of an answer, in bytes
)

// health asks a process whether it is ready, for images without a shell or curl.
func health() *command {
	timeout := 3 * time.Second
	return &command{
		name:  "health",
		words: "[URL]",
		short: "ask a process whether it is ready: exit code 0 if it is, 1 if not",
		long: `Without a URL it asks ` + usualHealth + `, which is a stage in the same
container. /readyz is 200 when the stage can do its work, /healthz when it lives.`,
		flags: func(fs *flag.FlagSet) {
			fs.DurationVar(&timeout, "timeout", timeout, "how long an answer may take")
		},
		run: func(ctx context.Context, c *call) error {
			url := usualHealth
			switch len(c.words) {
			case 0:
			case 1:
				url = c.words[0]
			default:
				return wrongUse(fmt.Errorf("%d URLs: ask one", len(c.words)))
			}
			ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no answer within %s", timeout))
			defer cancel()
			return askHealth(ctx, url, c.out)
		},
	}
}

func askHealth(ctx context.Context, url string, out io.Writer) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return wrongUse(fmt.Errorf("ask %s: %w", url, err))
	}
	transport := &http.Transport{DisableKeepAlives: true} // no proxy: it is next door
	response, err := transport.RoundTrip(request)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return fmt.Errorf("ask %s: %w", url, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxHealth))
	if err != nil {
		return fmt.Errorf("read what %s answers: %w", url, err)
	}
	text := strings.TrimSpace(string(body))
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %d: %s", url, response.StatusCode, text)
	}
	_, err = fmt.Fprintln(out, text)
	return err
}
