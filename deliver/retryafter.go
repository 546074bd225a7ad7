package deliver

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/postrider/postrider/shared/event"
)

// retryAfter reads the header of that name (RFC 9110 §10.2.3): seconds, also
// with a fraction, which is rounded up, or a date. Anything else is no wish.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if text == "" {
		return 0
	}
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		if !(seconds > 0) { // not a number is not above 0 either
			return 0
		}
		return time.Duration(math.Ceil(min(seconds, event.LongestTier().Seconds()))) * time.Second
	}
	if date, err := http.ParseTime(text); err == nil {
		return max(date.Sub(now), 0)
	}
	return 0
}
