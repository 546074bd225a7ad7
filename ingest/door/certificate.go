package door

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// reloadEvery is how often the files are looked at. They are read, not watched:
// that finds out as well where they are links to a folder that is replaced.
const reloadEvery = 5 * time.Second

// Certificate is a certificate with its key, from two files in PEM that may be
// replaced at any time. It is safe for concurrent use.
type Certificate struct {
	certFile, keyFile string

	current   atomic.Pointer[tls.Certificate]
	cert, key []byte // as they were read last, good or not; of reload alone

	expires prometheus.Gauge
	reloads *prometheus.CounterVec
}

// The results of a reload.
const (
	reloadGood   = "loaded"
	reloadFailed = "failed"
)

// LoadCertificate reads the files, which must be good now.
func LoadCertificate(certFile, keyFile string, reg prometheus.Registerer) (*Certificate, error) {
	c := &Certificate{
		certFile: certFile, keyFile: keyFile,
		expires: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "postrider_tls_certificate_expiry_timestamp_seconds",
			Help: "When the certificate of the API in use ends, in seconds since 1970.",
		}),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "postrider_tls_certificate_reloads_total",
			Help: "New files of the certificate of the API that were found, by whether they could be used. Where not, the old ones are.",
		}, []string{"result"}),
	}
	if _, err := c.reload(); err != nil {
		return nil, err
	}
	reg.MustRegister(c.expires, c.reloads)
	c.reloads.WithLabelValues(reloadGood)
	c.reloads.WithLabelValues(reloadFailed)
	return c, nil
}

// reload reads the files again and reports whether they have changed. With an error
// they cannot be used, and the certificate stays as it is; it is returned once for
// the same files.
func (c *Certificate) reload() (changed bool, err error) {
	cert, err := os.ReadFile(c.certFile)
	if err != nil {
		cert = nil
	}
	key, keyErr := os.ReadFile(c.keyFile)
	if keyErr != nil {
		key, err = nil, keyErr
	}
	if c.cert != nil && bytes.Equal(cert, c.cert) && bytes.Equal(key, c.key) {
		return false, nil
	}
	c.cert, c.key = append([]byte{}, cert...), key
	if err != nil {
		return true, fmt.Errorf("read TLS files: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return true, fmt.Errorf("load TLS files: %w", err)
	}
	c.current.Store(&pair)
	c.expires.Set(float64(pair.Leaf.NotAfter.Unix()))
	return true, nil
}

// watch looks at the files again and again until ctx ends, and tells what it finds.
func (c *Certificate) watch(ctx context.Context, log zerolog.Logger) {
	ticker := time.NewTicker(reloadEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		changed, err := c.reload()
		switch {
		case err != nil:
			c.reloads.WithLabelValues(reloadFailed).Inc()
			log.Error().Err(err).Msg("new TLS certificate cannot be used; going on with the old one")
		case changed:
			c.reloads.WithLabelValues(reloadGood).Inc()
			log.Info().Time("expires", c.current.Load().Leaf.NotAfter).Msg("new TLS certificate")
		}
	}
}

// config speaks TLS with whatever the certificate is when a client comes.
func (c *Certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}
