// Package metrics reads what a process tells of itself in Prometheus' format.
package metrics

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

const maxText = 4 << 20 // bytes

// Metrics are all that a process tells, at one moment.
type Metrics struct{ text string }

// Ask asks the process whose admin port is at that URL.
func Ask(ctx context.Context, admin string) (Metrics, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, admin+"/metrics", http.NoBody)
	if err != nil {
		return Metrics{}, fmt.Errorf("make request: %w", err)
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return Metrics{}, fmt.Errorf("ask for metrics: %w", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxText))
	if err != nil {
		return Metrics{}, fmt.Errorf("ask for metrics: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return Metrics{}, fmt.Errorf("ask for metrics: answered %s", response.Status)
	}
	return Metrics{string(text)}, nil
}

// Sum is the sum of all series of that name, found whether there is any.
func (m Metrics) Sum(name string) (sum float64, found bool) {
	for line := range strings.Lines(m.text) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), name)
		if !ok || rest == "" || rest[0] != ' ' && rest[0] != '{' {
			continue
		}
		if value, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64); err == nil {
			sum, found = sum+value, true
		}
	}
	return sum, found
}
