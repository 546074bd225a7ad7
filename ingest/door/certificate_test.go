package door

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/testkit"
)

// TestTLS: HTTP/2 and HTTP/1.1 by ALPN, nothing below TLS 1.2, and connections
// keep what they began with while the certificate changes.
func TestTLS(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	old := f.issue(t)
	certificate, err := LoadCertificate(f.cert, f.key, prometheus.NewRegistry())
	require.NoError(t, err)
	h := newHall(t, Options{Certificate: certificate})

	before := client(t, old, "")
	require.Equal(t, "done by HTTP/2.0", body(t, before, "https://"+h.address))
	next := f.issue(t)
	_, err = certificate.reload()
	require.NoError(t, err)
	require.Equal(t, "done by HTTP/2.0", body(t, before, "https://"+h.address), "on the same connection")
	require.Equal(t, "done by HTTP/1.1", body(t, client(t, next, "http/1.1"), "https://"+h.address))

	requireFailure(t, client(t, old, ""), "https://"+h.address, "certificate")
	weak := client(t, next, "http/1.1")
	weak.TLSClientConfig.MaxVersion = tls.VersionTLS11
	requireFailure(t, weak, "https://"+h.address, "version")
}

// TestReload: new files are found by themselves; broken ones leave the old pair in
// use, and are told once.
func TestReload(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	f.issue(t)
	synctest.Test(t, func(t *testing.T) {
		c, err := LoadCertificate(f.cert, f.key, prometheus.NewRegistry())
		require.NoError(t, err)
		first := c.current.Load()
		go c.watch(t.Context(), testkit.Log(t))
		look := func(loaded, failed float64) {
			t.Helper()
			time.Sleep(3 * reloadEvery)
			synctest.Wait()
			require.InDelta(t, loaded, testutil.ToFloat64(c.reloads.WithLabelValues(reloadGood)), 0)
			require.InDelta(t, failed, testutil.ToFloat64(c.reloads.WithLabelValues(reloadFailed)), 0)
		}
		look(0, 0)
		require.NoError(t, os.WriteFile(f.cert, []byte("broken"), 0o600))
		look(0, 1)
		require.Same(t, first, c.current.Load())
		require.NoError(t, os.Remove(f.key))
		look(0, 2)
		require.Same(t, first, c.current.Load())
		f.issue(t)
		look(1, 2)
		require.NotSame(t, first, c.current.Load())
		require.InDelta(t, float64(c.current.Load().Leaf.NotAfter.Unix()), testutil.ToFloat64(c.expires), 0)
	})
	require.NoError(t, os.Remove(f.key))
	_, err := LoadCertificate(f.cert, f.key, prometheus.NewRegistry())
	require.ErrorContains(t, err, f.key)
}

// files are where a certificate is.
type files struct{ cert, key string }

func newFiles(t *testing.T) files {
	t.Helper()
	dir := t.TempDir()
	return files{filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")}
}

// issue writes a new certificate, and returns what to trust it by.
func (f files) issue(t *testing.T) *x509.CertPool {
	t.Helper()
	ca := testkit.NewAuthority(t, "test")
	text := testkit.IdentityPEM(t, ca.Issue(t, "test"))
	for _, file := range []string{f.cert, f.key} { // each is looked through for what is wanted of it
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
	return ca.Pool()
}

// client speaks the protocol, or the best that both know.
func client(t *testing.T, trusts *x509.CertPool, protocol string) *http.Transport {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusts}, ForceAttemptHTTP2: protocol == ""}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

func requireFailure(t *testing.T, by *http.Transport, url, why string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	answer, err := by.RoundTrip(r)
	if err == nil {
		_ = answer.Body.Close()
	}
	require.ErrorContains(t, err, why)
}
