package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxURL is the length of the longest URL accepted, in bytes.
const MaxURL = 2048

// The longest name and the longest of its parts that DNS knows (RFC 1035).
const (
	maxName  = 253
	maxLabel = 63
)

// CheckURL decides whether raw may be the URL of an endpoint. It returns nil or
// a *BlockedError. It resolves no names: a name may appear later and change at
// any time, so what it leads to is checked at each connection. Userinfo is
// accepted, and is for the caller to keep secret.
func (p Policy) CheckURL(raw string) error {
	_, err := p.NormalizeURL(raw)
	return err
}

// NormalizeURL checks raw as CheckURL does and returns the one form in which to
// keep it: the scheme and the host in lower case, a name with foreign letters
// as the ASCII name that will be resolved, no default port, at least "/" as the
// path, and everything after it in the ASCII that a request line may carry.
func (p Policy) NormalizeURL(raw string) (string, error) {
	u, err := p.parse(raw)
	if err != nil {
		return "", err
	}
	host, err := asciiHost(u.Hostname())
	if err != nil {
		return "", err
	}
	port, err := portOf(u)
	if err != nil {
		return "", err
	}
	if err := p.checkHost(host, port); err != nil {
		return "", err
	}

	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port != defaultPort(u.Scheme) {
		host += ":" + strconv.Itoa(int(port))
	}
	u.Host = host
	if u.Path == "" {
		u.Path = "/"
	}
	u.RawQuery = escapeQuery(u.RawQuery)
	normal := u.String()
	if len(normal) > MaxURL {
		return "", &BlockedError{Reason: ReasonLength}
	}
	return normal, nil
}

// parse checks what can be said of a URL without looking at its host. The
// errors of url.Parse quote the URL, which may hold a password.
func (p Policy) parse(raw string) (*url.URL, error) {
	if len(raw) > MaxURL {
		return nil, &BlockedError{Reason: ReasonLength}
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, &BlockedError{Reason: ReasonSyntax}
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, &BlockedError{Reason: ReasonScheme}
	case u.Scheme == "http" && p.httpsOnly:
		return nil, &BlockedError{Reason: ReasonHTTPSOnly}
	case strings.Contains(raw, "#"):
		return nil, &BlockedError{Reason: ReasonFragment}
	case u.Opaque != "" || u.Hostname() == "":
		return nil, &BlockedError{Reason: ReasonHost}
	}
	return u, nil
}

// checkHost judges the host of a URL by what is written, in lower-case ASCII.
func (p Policy) checkHost(host string, port uint16) error {
	if addr, err := netip.ParseAddr(host); err == nil {
		return p.Check(netip.AddrPortFrom(addr, port))
	}
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	if !isName(labels) {
		return &BlockedError{Reason: ReasonHost}
	}
	switch {
	case labels[len(labels)-1] == "localhost":
		if !p.allowsLoopback() {
			return &BlockedError{Reason: ReasonName}
		}
	case p.allowsInside():
		// Any name may lead to an allowed address, on any port.
	case isLocal(labels):
		return &BlockedError{Reason: ReasonName}
	case !publicPort(port):
		return &BlockedError{Reason: ReasonPort}
	}
	return nil
}

// isName reports whether the labels make a domain name. One that ends in a
// number is none: it is an address in one of the forms that only some
// resolvers understand, such as 127.1, 0x7f000001 or 2130706433.
func isName(labels []string) bool {
	length := len(labels) - 1
	for _, label := range labels {
		length += len(label)
		if label == "" || len(label) > maxLabel || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	last := labels[len(labels)-1]
	digits := "0123456789"
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		last, digits = hex, "0123456789abcdef"
	}
	return length <= maxName && strings.Trim(last, digits) != ""
}

// isLocal reports whether a name can only mean something on the inside: by its
// last label (RFC 6761, 6762, 8375, ICANN's reservation of "internal", and what
// companies, routers and Kubernetes use), or by having just one, which
// resolvers complete with the domain of the machine they run on.
func isLocal(labels []string) bool {
	switch last := labels[len(labels)-1]; last {
	case "internal", "local", "localdomain", "lan", "home", "corp", "intranet", "private", "svc":
		return true
	case "arpa":
		return true // home.arpa, and nothing else there receives webhooks
	default:
		return len(labels) == 1
	}
}

func portOf(u *url.URL) (uint16, error) {
	if u.Port() == "" {
		return defaultPort(u.Scheme), nil
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil || port == 0 {
		return 0, &BlockedError{Reason: ReasonPort}
	}
	return uint16(port), nil
}

func defaultPort(scheme string) uint16 {
	if scheme == "https" {
		return 443
	}
	return 80
}

// escapeQuery escapes what package url lets pass, and package net/http would
// send as it is: a space in the request line ends the URL for some receivers.
func escapeQuery(query string) string {
	var out strings.Builder
	for i := range len(query) {
		if c := query[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>' {
			fmt.Fprintf(&out, "%%%02X", c)
		} else {
			out.WriteByte(c)
		}
	}
	return out.String()
}

// asciiHost returns the host as the HTTP client will look it up, in lower case.
// The client maps foreign letters to others: "①②⑦.⓪.⓪.①" is 127.0.0.1 to it.
// Rather than repeat the mapping, which is Unicode's and changes, the client
// is asked.
func asciiHost(host string) (string, error) {
	if !isASCII(host) && utf8.ValidString(host) {
		host = hostDialled(host)
	}
	if !isASCII(host) {
		return "", &BlockedError{Reason: ReasonHost}
	}
	host = strings.ToLower(host)
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.String(), nil
	}
	return host, nil
}

// hostDialled returns which host package net/http would dial for a URL with
// this one. Its connection is refused before it is one.
func hostDialled(host string) string {
	var dialled string
	transport := &http.Transport{DialContext: func(_ context.Context, _, address string) (net.Conn, error) {
		dialled, _, _ = net.SplitHostPort(address) // of a bad address it is ""
		return nil, errors.New("only asking")
	}}
	request := &http.Request{URL: &url.URL{Scheme: "http", Host: host}, Header: http.Header{}}
	response, err := transport.RoundTrip(request)
	if err == nil {
		response.Body.Close()
	}
	return dialled
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return s != ""
}
