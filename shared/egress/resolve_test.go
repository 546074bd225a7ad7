package egress_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/postrider/postrider/shared/egress"
)

var errOnlyAsked = errors.New("it would have been dialled")

// resolver asks a name server of the test's own, on loopback. answer gives the
// addresses of a name when it is asked for the nth time; what fits the kind of
// record is sent.
func resolver(t *testing.T, answer func(name string, n int) []string) *net.Resolver {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	var asked atomic.Int32
	done := make(chan struct{})
	go func() {
		defer close(done)
		for buffer := make([]byte, 1024); ; {
			n, from, err := server.ReadFrom(buffer)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buffer[:n]) != nil {
				continue
			}
			q := m.Questions[0]
			if q.Type == dnsmessage.TypeA {
				asked.Add(1) // the question for IPv6 belongs to the one for IPv4
			}
			m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
			for _, text := range answer(strings.TrimSuffix(q.Name.String(), "."), int(asked.Load())) {
				m.Answers = append(m.Answers, record(q, netip.MustParseAddr(text))...)
			}
			if packed, err := m.Pack(); err == nil {
				_, _ = server.WriteTo(packed, from)
			}
		}
	}()
	t.Cleanup(func() {
		require.NoError(t, server.Close())
		<-done
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}

// record is the answer with addr, or none if the question is for the other kind.
func record(q dnsmessage.Question, addr netip.Addr) []dnsmessage.Resource {
	head := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
	switch {
	case addr.Is4() && q.Type == dnsmessage.TypeA:
		return []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AResource{A: addr.As4()}}}
	case addr.Is6() && q.Type == dnsmessage.TypeAAAA:
		return []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AAAAResource{AAAA: addr.As16()}}}
	default:
		return nil
	}
}

// asking returns the policy's dialer, which names what it would dial and dials
// nothing.
func asking(p egress.Policy) (dial func(context.Context, string, string) (net.Conn, error), would *[]string) {
	would = new([]string)
	dialer := p.Dialer()
	dialer.FallbackDelay = -1 // one after the other
	judge := dialer.ControlContext
	dialer.ControlContext = func(ctx context.Context, network, address string, conn syscall.RawConn) error {
		if err := judge(ctx, network, address, conn); err != nil {
			return err
		}
		*would = append(*would, address)
		return errOnlyAsked
	}
	return dialer.DialContext, would
}

// TestRebinding looks a name up that is public at first and then is not.
func TestRebinding(t *testing.T) {
	t.Parallel()
	p := egress.NewPolicy(nil, egress.Resolving(resolver(t, func(_ string, n int) []string {
		return []string{[]string{"203.0.114.1", "127.0.0.1", "169.254.169.254", "10.0.0.1"}[min(n, 4)-1]}
	})))
	dial, would := asking(p)
	_, err := dial(t.Context(), "tcp4", "rebind.example.com:80")
	require.ErrorIs(t, err, errOnlyAsked)
	for range 3 {
		_, err = dial(t.Context(), "tcp4", "rebind.example.com:80")
		require.Equal(t, egress.ReasonAddress, reason(t, err))
	}
	require.Equal(t, []string{"203.0.114.1:80"}, *would)
}

// TestMixedAnswers looks names up that have public and private addresses: the
// dialer goes from one to the next, and each is judged.
func TestMixedAnswers(t *testing.T) {
	t.Parallel()
	answers := map[string][]string{
		"public-first.example.com":  {"203.0.114.1", "10.0.0.1"},
		"private-first.example.com": {"10.0.0.1", "203.0.114.1"},
		"both-families.example.com": {"2606:4700::1111", "::1", "127.0.0.1"},
		"carriers.example.com":      {"64:ff9b::a9fe:a9fe", "2002:7f00:1::1", "::127.0.0.1", "2a00:1450::5efe:7f00:1", "::ffff:0:127.0.0.1"},
		"private-only.example.com":  {"10.0.0.1", "fd00::1", "192.168.0.1"},
		"unspecified.example.com":   {"0.0.0.0", "::"},
	}
	want := map[string][]string{
		"public-first.example.com":  {"203.0.114.1:443"},
		"private-first.example.com": {"203.0.114.1:443"},
		"both-families.example.com": {"[2606:4700::1111]:443"},
	}
	p := egress.NewPolicy(nil, egress.Resolving(resolver(t, func(name string, _ int) []string { return answers[name] })))
	for name := range answers {
		dial, would := asking(p)
		_, err := dial(t.Context(), "tcp", name+":443")
		require.Error(t, err)
		require.Equal(t, want[name], *would, name)
		if want[name] == nil {
			require.Equal(t, egress.ReasonAddress, reason(t, err))
		}
	}
}

// TestClientDialsNoHostileURL gives the client itself each URL that no endpoint
// may have, as if the check had not been, where every name leads to loopback.
func TestClientDialsNoHostileURL(t *testing.T) {
	t.Parallel()
	p := egress.NewPolicy(nil, egress.Resolving(resolver(t, func(string, int) []string { return []string{"127.0.0.1", "::1"} })))
	var tried int
	for _, e := range table(t, "urls.txt") {
		if e.want != egress.ReasonAddress && e.want != egress.ReasonName && e.want != egress.ReasonHost {
			continue
		}
		tried++
		dial, would := asking(p)
		client := &http.Client{Transport: &http.Transport{DialContext: dial}}
		response, err := client.Get(e.text)
		if err == nil {
			_ = response.Body.Close()
		}
		require.Error(t, err, e.text)
		require.Empty(t, *would, e.text)
	}
	require.Greater(t, tried, 30)
}
