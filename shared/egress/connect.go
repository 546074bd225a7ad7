package egress

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
)

// connect asks an HTTP proxy for a tunnel (RFC 9110 §9.3.6).
func (x *Proxy) connect(conn net.Conn, target string) error {
	request := &http.Request{
		Method: http.MethodConnect,
		URL:    &url.URL{Opaque: target},
		Host:   target,
		Header: http.Header{"User-Agent": {""}}, // none
	}
	if x.login {
		login := base64.StdEncoding.EncodeToString([]byte(x.user + ":" + x.password.Reveal()))
		request.Header.Set("Proxy-Authorization", "Basic "+login)
	}
	if err := request.Write(conn); err != nil {
		return &ProxyError{Err: err}
	}
	answers := bufio.NewReader(io.LimitReader(conn, maxHeaderBytes))
	response, err := http.ReadResponse(answers, request) //nolint:bodyclose // it would be read to its end; the connection is closed
	if err != nil {
		return awaited(err)
	}
	if response.StatusCode/100 == 2 && answers.Buffered() > 0 {
		return &ProxyError{Err: fmt.Errorf("%w: it speaks before it is spoken to", errProxyProtocol)}
	}
	return judgeConnect(response)
}

// judgeConnect names what a proxy has answered. There is no standard for why it
// cannot or will not; this is what Squid, Envoy, HAProxy and Smokescreen do.
func judgeConnect(response *http.Response) error {
	switch status := response.StatusCode; {
	case status/100 == 2:
		return nil
	case status == http.StatusForbidden, status == http.StatusProxyAuthRequired && response.Header.Get("X-Smokescreen-Error") != "":
		return errProxyRefuses
	case status == http.StatusProxyAuthRequired:
		return &ProxyError{Err: errProxyLogin}
	case status == http.StatusBadGateway, status == http.StatusServiceUnavailable, status == http.StatusGatewayTimeout:
		return errUnreachable
	default:
		return &ProxyError{Err: fmt.Errorf("it answers %d", status)}
	}
}
