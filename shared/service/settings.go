package service

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/rs/zerolog"

	"github.com/postrider/postrider/shared/egress"
	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/trace"
)

// Settings are those that all stages share.
type Settings struct {
	DatabaseURL secret.URL
	Connections int
	NATSURL     secret.URL
	AdminListen string
	LogLevel    string
	LogFormat   string
	EgressAllow string
	Proxy       secret.String
	ProxyExcept string
	Resolve     bool
	HTTPSOnly   bool
	DrainDelay  time.Duration
	Drain       time.Duration
	Memory      int64

	OTLPEndpoint string // empty: nothing is traced

	Keys Keys // of a process with a Keyholder
}

// Flags registers the shared settings and those of the stages.
func (s *Settings) Flags(fs *flag.FlagSet, stages ...Stage) {
	if holdsKeys(stages) {
		s.Keys.Flags(fs)
	}
	for _, stage := range stages {
		stage.Flags(fs)
	}
	fs.Var(&s.DatabaseURL, "database-url", "PostgreSQL `URL`, such as postgres://user:password@host/postrider")
	fs.IntVar(&s.Connections, "database-connections", 8, "most `connections` to PostgreSQL of this process")
	s.NATSURL = secret.NewURL("nats://127.0.0.1:4222")
	fs.Var(&s.NATSURL, "nats-url", "NATS `URL`s, joined by commas")
	fs.StringVar(&s.AdminListen, "admin-listen", "127.0.0.1:8072", "`address` of /healthz, /readyz, /metrics and /debug/pprof; empty for none")
	fs.StringVar(&s.LogLevel, "log-level", "info", "least `level` that is logged: debug, info, warn, error")
	fs.StringVar(&s.LogFormat, "log-format", "json", "`format` of the log: json or text")
	fs.StringVar(&s.EgressAllow, "egress-allow", "", "`CIDRs`, joined by commas, that may be delivered to although private")
	fs.Var(&s.Proxy, "egress-proxy", "`URL` of the proxy that deliveries go through: http, https or socks5, with user:password@ where it wants them; empty for none")
	fs.StringVar(&s.ProxyExcept, "egress-proxy-except", "", "`hosts`, joined by commas, that are delivered to without the proxy: names, .domains and CIDRs")
	fs.BoolVar(&s.Resolve, "egress-proxy-resolve", false, "look names up here, refuse private addresses, and tell the proxy addresses only")
	fs.BoolVar(&s.HTTPSOnly, "https-only", false, "refuse endpoints that are not https")
	fs.DurationVar(&s.DrainDelay, "drain-delay", 0, "how long to go on, not ready any more, before finishing begins when the process is stopped: until load balancers have heard of it")
	fs.DurationVar(&s.Drain, "drain-timeout", 25*time.Second, "how long finishing may take when the process is stopped")
	fs.Int64Var(&s.Memory, "memory-limit", 0, "most `bytes` of memory of this process; 0 for what its stages need")
	fs.StringVar(&s.OTLPEndpoint, "otlp-endpoint", "", "`URL` of the OpenTelemetry collector that traces are sent to over HTTP, such as http://collector:4318; empty for no tracing")
}

// Validate joins all faults.
func (s *Settings) Validate() error {
	var faults []error
	if s.DatabaseURL.IsZero() {
		faults = append(faults, errors.New("database-url is not set: set POSTRIDER_DATABASE_URL"))
	}
	if s.NATSURL.IsZero() {
		faults = append(faults, errors.New("nats-url is not set: set POSTRIDER_NATS_URL"))
	}
	if s.Connections < 2 || s.Connections > 1000 {
		faults = append(faults, fmt.Errorf("database-connections is %d: must be 2 to 1000", s.Connections))
	}
	if s.DrainDelay < 0 {
		faults = append(faults, fmt.Errorf("drain-delay is %s: must not be below 0", s.DrainDelay))
	}
	if s.Drain <= 0 {
		faults = append(faults, fmt.Errorf("drain-timeout is %s: must be above 0", s.Drain))
	}
	if s.Memory != 0 && s.Memory < 128<<20 {
		faults = append(faults, fmt.Errorf("memory-limit is %d: must be 0 or at least 128 MiB", s.Memory))
	}
	faults = append(faults, s.validateSayings()...)
	if _, err := s.Keys.Ring(); err != nil {
		faults = append(faults, err)
	}
	if _, err := s.policy(); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// validateSayings looks at where a process says what it does, and how.
func (s *Settings) validateSayings() (faults []error) {
	if _, err := zerolog.ParseLevel(s.LogLevel); err != nil || s.LogLevel == "" {
		faults = append(faults, fmt.Errorf("log-level is %q: must be debug, info, warn or error", s.LogLevel))
	}
	if s.LogFormat != "json" && s.LogFormat != "text" {
		faults = append(faults, fmt.Errorf("log-format is %q: must be json or text", s.LogFormat))
	}
	if err := trace.CheckEndpoint(s.OTLPEndpoint); err != nil { // not shown: somebody may have put a password into it
		faults = append(faults, fmt.Errorf("otlp-endpoint: %w", err))
	}
	return faults
}

// policy joins all faults of the settings about where deliveries may go and how.
func (s *Settings) policy() (egress.Policy, error) {
	var faults []error
	allow, err := egress.ParsePrefixes(s.EgressAllow)
	if err != nil {
		faults = append(faults, fmt.Errorf("egress-allow: %w", err))
	}
	except, err := egress.ParseHosts(s.ProxyExcept)
	if err != nil {
		faults = append(faults, fmt.Errorf("egress-proxy-except: %w", err))
	}
	var proxy *egress.Proxy
	if !s.Proxy.IsZero() {
		if proxy, err = egress.ParseProxy(s.Proxy); err != nil {
			faults = append(faults, fmt.Errorf("egress-proxy: %w", err))
		} else {
			proxy.Except, proxy.Resolve = except, s.Resolve
		}
	}
	if len(faults) > 0 {
		return egress.Policy{}, errors.Join(faults...)
	}
	return egress.NewPolicy(allow, egress.HTTPSOnly(s.HTTPSOnly), egress.Through(proxy)), nil
}

// Logger writes to standard error as the settings say.
func (s *Settings) Logger() zerolog.Logger {
	var out io.Writer = os.Stderr
	if s.LogFormat == "text" {
		out = zerolog.ConsoleWriter{Out: os.Stderr, TimeFormat: time.TimeOnly, NoColor: !terminal(os.Stderr)}
	}
	level, _ := zerolog.ParseLevel(s.LogLevel) // Validate has looked at it
	return zerolog.New(out).Level(level).With().Timestamp().Logger()
}

func terminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
