package chart

import (
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	networking "k8s.io/api/networking/v1"
)

// TestNetwork: nobody calls and nobody is called but as it is written; only deliver
// reaches the internet, and there no address that the process itself refuses.
func TestNetwork(t *testing.T) {
	t.Parallel()
	verdicts := addresses(t)
	for installation, all := range each(t) {
		t.Run(installation, func(t *testing.T) {
			t.Parallel()
			covered := map[string]bool{}
			for _, rules := range of[*networking.NetworkPolicy](all) {
				component := rules.Labels["app.kubernetes.io/component"]
				covered[component] = true
				require.ElementsMatch(t, []networking.PolicyType{"Ingress", "Egress"}, rules.Spec.PolicyTypes, rules.Name)
				for _, in := range rules.Spec.Ingress {
					require.NotEmpty(t, in.Ports, rules.Name)
					if in.Ports[0].Port.StrVal == "admin" {
						require.NotEmpty(t, in.From, "%s: everybody would reach the admin port", rules.Name)
					} else {
						require.Equal(t, "ingest", component)
					}
				}
				internet := blocks(rules)
				if component != "deliver" && (component != "ingest" || internet == nil) {
					require.Empty(t, internet, rules.Name)
					continue
				}
				for address, allowed := range verdicts {
					require.Equal(t, allowed, internet.allow(address), "%s: %s", rules.Name, address)
				}
			}
			for _, component := range append(stages(), "bootstrap", "test") {
				require.True(t, covered[component], component)
			}
		})
	}
}

// TestAllowedNetworks: what the process may deliver to, the network lets it.
func TestAllowedNetworks(t *testing.T) {
	t.Parallel()
	rules := of[*networking.NetworkPolicy](rendered(t, read(t, "testdata/everything.yaml")))
	for _, r := range rules {
		if r.Labels["app.kubernetes.io/component"] == "deliver" {
			for _, cidr := range []string{"10.1.0.0/16", "fd00:1::/32"} {
				require.Contains(t, asJSON(t, r.Spec.Egress), `"cidr":"`+cidr+`"`)
			}
			return
		}
	}
	t.Fatal("there are no rules for deliver")
}

// addresses are those of the egress guard's own table, with its verdicts, but for what
// no list of networks can tell: what is inside of an address, and zones.
func addresses(t *testing.T) map[netip.Addr]bool {
	t.Helper()
	text, err := os.ReadFile("../../../shared/egress/testdata/addresses.txt")
	require.NoError(t, err)
	found := map[netip.Addr]bool{}
	for _, m := range regexp.MustCompile(`(?m)^(allowed|blocked_address) +(\S+) +(.*)$`).FindAllStringSubmatch(string(text), -1) {
		if strings.Contains(m[2], "%") || strings.Contains(m[3], "ISATAP") || strings.Contains(m[3], "NAT64") {
			continue
		}
		found[netip.MustParseAddr(m[2]).Unmap()] = m[1] == "allowed"
	}
	require.Greater(t, len(found), 80)
	return found
}

// internetRules are the blocks of a rule, each with what is not meant.
type internetRules []networking.IPBlock

// blocks are those of the rule that is for the internet; nil when there is none.
func blocks(rules *networking.NetworkPolicy) (found internetRules) {
	for _, out := range rules.Spec.Egress {
		for _, to := range out.To {
			if to.IPBlock != nil && len(to.IPBlock.Except) > 0 {
				found = append(found, *to.IPBlock)
			}
		}
	}
	return found
}

func (r internetRules) allow(address netip.Addr) bool {
	for _, block := range r {
		if !netip.MustParsePrefix(block.CIDR).Contains(address) {
			continue
		}
		for _, except := range block.Except {
			if netip.MustParsePrefix(except).Contains(address) {
				return false
			}
		}
		return true
	}
	return false
}
