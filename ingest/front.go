package ingest

import (
	"errors"
	"flag"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/postrider/postrider/ingest/door"
	"github.com/postrider/postrider/shared/egress"
	"github.com/postrider/postrider/shared/service"
)

const (
	maxConnections = 1 << 20
	maxRate        = 1_000_000 // of any caller, a second or a minute
)

// Front is the settings of what everybody can reach: who may come, and how often.
type Front struct {
	Connections  int
	PerAddress   int
	Proxies      string
	Certificate  string
	Key          string
	Origins      string
	FailedLogins int
	KeyRate      int
	MemberRate   int
}

func (f *Front) flags(fs *flag.FlagSet) {
	fs.IntVar(&f.Connections, "max-connections", 8192, "most `connections` to the API at the same time")
	fs.IntVar(&f.PerAddress, "max-connections-per-address", 1024, "most `connections` of them from one address")
	fs.StringVar(&f.Proxies, "trusted-proxies", "", "`CIDRs`, joined by commas, of proxies whose X-Forwarded-For and Forwarded count")
	fs.StringVar(&f.Certificate, "tls-certificate", "", "`file` of the certificate of the API and those above it, in PEM; empty for no TLS")
	fs.StringVar(&f.Key, "tls-key", "", "`file` of the key of the certificate, in PEM")
	fs.StringVar(&f.Origins, "allowed-origins", "", "`origins`, joined by commas, of pages that may call the API besides those of portal-url; * for all")
	fs.IntVar(&f.FailedLogins, "failed-logins", 60, "wrong `tokens` a minute after which an address has to wait; 0 for any number")
	fs.IntVar(&f.KeyRate, "key-rate", 2000, "most `requests` a second with an API key, in each process; 0 for any number")
	fs.IntVar(&f.MemberRate, "member-rate", 100, "most `requests` a second with all tokens of an application, in each process; 0 for any number")
}

func (f *Front) validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	check(f.Connections >= 1 && f.Connections <= maxConnections, "max-connections is %d: must be 1 to %d", f.Connections, maxConnections)
	check(f.PerAddress >= 1 && f.PerAddress <= maxConnections, "max-connections-per-address is %d: must be 1 to %d", f.PerAddress, maxConnections)
	_, err := egress.ParsePrefixes(f.Proxies)
	check(err == nil, "trusted-proxies: %w", err)
	check((f.Certificate == "") == (f.Key == ""), "tls-certificate and tls-key: set both or none")
	for _, origin := range f.origins("") {
		check(isOrigin(origin), "allowed-origins: %q must be * or like https://portal.example.com", origin)
	}
	check(f.FailedLogins >= 0 && f.FailedLogins <= maxRate, "failed-logins is %d: must be 0 to %d", f.FailedLogins, maxRate)
	check(f.KeyRate >= 0 && f.KeyRate <= maxRate, "key-rate is %d: must be 0 to %d", f.KeyRate, maxRate)
	check(f.MemberRate >= 0 && f.MemberRate <= maxRate, "member-rate is %d: must be 0 to %d", f.MemberRate, maxRate)
	return errors.Join(faults...)
}

// origins are those that the settings name, and that of the portal.
func (f *Front) origins(portal string) []string {
	all := split(f.Origins)
	if u, err := url.Parse(portal); err == nil && u.Host != "" && !slices.Contains(all, originOf(u)) {
		all = append(all, originOf(u))
	}
	return all
}

// split takes a list that is joined by commas apart.
func split(text string) []string {
	var all []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, part)
		}
	}
	return all
}

// isOrigin reports whether text is an origin as browsers write it, or the sign for
// all.
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	return text == "*" || err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && originOf(u) == text
}

// originOf is the origin of the pages at an address, as browsers write it.
func originOf(u *url.URL) string {
	host := strings.ToLower(u.Host)
	switch u.Scheme {
	case "http":
		host = strings.TrimSuffix(host, ":80")
	case "https":
		host = strings.TrimSuffix(host, ":443")
	}
	return u.Scheme + "://" + host
}

// options are all that a door has to know but for what is behind it.
func (f *Front) options(env service.Env) (door.Options, error) {
	o := door.Options{Connections: f.Connections, PerAddress: f.PerAddress, Log: env.Log, Reg: env.Reg}
	trusted, err := egress.ParsePrefixes(f.Proxies)
	if err != nil {
		return o, fmt.Errorf("trusted-proxies: %w", err)
	}
	o.Trusted = trusted
	if f.Certificate != "" {
		o.Certificate, err = door.LoadCertificate(f.Certificate, f.Key, env.Reg)
	}
	return o, err
}
