package deliver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"

	"github.com/postrider/postrider/deliver/account"
	"github.com/postrider/postrider/deliver/fair"
	"github.com/postrider/postrider/shared/egress"
	"github.com/postrider/postrider/shared/store"
)

// Outcome is how an attempt ended. The set is closed: it is stored with the
// attempt, it is the metric's label and the reason of a dead letter.
type Outcome string

// The outcomes.
const (
	Success    Outcome = store.OutcomeSuccess  // 2xx
	Redirected Outcome = "redirected"          // 3xx: redirects are not followed
	Gone       Outcome = "gone"                // 410: the endpoint wants no more
	Throttled  Outcome = "throttled"           // 429, 502, 503, 504: too much at the moment
	Rejected   Outcome = "rejected"            // any other answer
	WrongReply Outcome = "wrong_answer"        // 2xx, but not what a challenge wants to hear
	Timeout    Outcome = "timeout"             // no whole answer in time
	Blocked    Outcome = "blocked_address"     // the address may not be dialled
	DNS        Outcome = "dns"                 // the name has no address
	TLS        Outcome = "tls"                 // no trust in the certificate, or no common protocol
	Connection Outcome = "connection"          // refused, reset, cut off
	Proxy      Outcome = "proxy"               // the installation's own proxy is away or does not want us
	NoToken    Outcome = "oauth_token"         //nolint:gosec // no access token could be got for the endpoint
	Disabled   Outcome = store.OutcomeDisabled // no attempt was made: disabled since the event was expanded
	Expired    Outcome = store.OutcomeExpired  // no attempt was made: the payload is gone
)

// Outcomes lists the whole set.
func Outcomes() []Outcome {
	return []Outcome{
		Success, Redirected, Gone, Throttled, Rejected, WrongReply, Timeout, Blocked, DNS, TLS, Connection, Proxy, NoToken, Disabled, Expired,
	}
}

// Final reports whether trying again is no use.
func (o Outcome) Final() bool {
	switch o {
	case Success, Gone, Blocked, Disabled, Expired:
		return true
	default:
		return false
	}
}

// Failing reports whether the outcome speaks against the endpoint. No use has to
// be seen in calling it: an address that the operator's policy forbids, a proxy
// of the operator's that is away, or a payload that is no longer stored, says
// nothing of how well the endpoint is.
func (o Outcome) Failing() bool {
	switch o {
	case Success, Blocked, Proxy, Disabled, Expired:
		return false
	default:
		return true
	}
}

// failing is Outcome.Failing of an attempt: how a challenge ends is told apart.
func (a *attempt) failing() bool { return a.outcome.Failing() && !a.asked }

// report is what the scheduler learns of the endpoint from the attempt.
func (a *attempt) report() fair.Report {
	if a.asked {
		return fair.Report{Took: a.duration}
	}
	r := fair.Report{Took: a.duration, RetryAfter: a.wish}
	switch {
	case a.outcome == Success:
		r.Result = fair.Success
	case a.outcome == Throttled:
		r.Result = fair.Throttled
	case a.failing():
		r.Result = fair.Failure
	}
	return r
}

// decide names the outcome of a call that was answered with status, or of one
// that failed with err. It is the only place where that is decided.
func decide(status int, err error) Outcome {
	if err != nil {
		return decideError(err)
	}
	switch {
	case status >= 200 && status < 300:
		return Success
	case status >= 300 && status < 400:
		return Redirected
	case status == http.StatusGone:
		return Gone
	case status == http.StatusTooManyRequests, status == http.StatusBadGateway,
		status == http.StatusServiceUnavailable, status == http.StatusGatewayTimeout:
		return Throttled
	default:
		return Rejected
	}
}

func decideError(err error) Outcome {
	var (
		blocked     *egress.BlockedError
		proxy       *egress.ProxyError
		dns         *net.DNSError
		unknownCA   x509.UnknownAuthorityError
		wrongHost   x509.HostnameError
		invalid     x509.CertificateInvalidError
		certificate *tls.CertificateVerificationError
		alert       tls.AlertError
		record      tls.RecordHeaderError
		network     net.Error
		noToken     *account.TokenError
	)
	switch {
	case errors.As(err, &noToken):
		return NoToken
	case errors.Is(err, account.ErrUnusable), isAlert(err):
		return TLS
	case errors.As(err, &blocked):
		return Blocked
	case errors.As(err, &proxy):
		return Proxy
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, errAttemptTimeout):
		return Timeout
	case errors.As(err, &dns):
		return DNS
	case errors.As(err, &unknownCA), errors.As(err, &wrongHost), errors.As(err, &invalid),
		errors.As(err, &certificate), errors.As(err, &alert), errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return TLS
	case errors.As(err, &network) && network.Timeout():
		return Timeout
	default:
		return Connection
	}
}

// isAlert reports whether one side ended TLS with an alert, of which package tls has
// no type of its own: often the receiver, that wants another client certificate.
func isAlert(err error) bool {
	alert, ok := errors.AsType[*net.OpError](err)
	return ok && (alert.Op == "remote error" || alert.Op == "local error")
}

// explain says in a tenant's words what went wrong. The error itself is not
// shown: it may name addresses inside the operator's network.
func (o Outcome) explain() string {
	switch o {
	case Timeout:
		return "no answer in time"
	case Blocked:
		return "the address of this endpoint may not be delivered to"
	case DNS:
		return "the host name could not be resolved"
	case TLS:
		return "no secure connection could be made"
	case Connection:
		return "the connection failed"
	case Proxy:
		return "the proxy of this installation could not be used"
	case NoToken:
		return "no access token"
	case Disabled:
		return "the endpoint is disabled"
	case Expired:
		return "the payload is no longer stored"
	default:
		return string(o)
	}
}
