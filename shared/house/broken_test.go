package house

import (
	"strings"
	"testing"
)

// TestImportRulesBite puts one wrong import into an otherwise empty file, and right ones beside it.
func TestImportRulesBite(t *testing.T) {
	t.Parallel()
	const ours = module + "/"
	tests := []struct {
		name, file, imports string
		want                string // part of the fault; none if empty
	}{
		{"a stage imports another", "fanout/a.go", ours + "deliver", "rooms does not allow"},
		{"a stage's test imports another", "fanout/a_test.go", ours + "deliver", "rooms does not allow"},
		{"the vocabulary imports ours", "shared/event/a.go", ours + "shared/bus", "rooms does not allow"},
		{"a page imports the store", "ingest/portal/member/a.go", ours + "shared/store", "rooms does not allow"},
		{"a stage imports testkit", "retry/a.go", ours + "shared/testkit", "rooms does not allow"},
		{"a program imports the store", "dlq/cmd/dlq/main.go", ours + "shared/store", "rooms does not allow"},
		{"the bench imports a stage", "bench/load/main.go", ours + "ingest", "rooms does not allow"},
		{"a package without a row", "shared/new/a.go", "fmt", "has no row in rooms"},
		{"a test without a row", "shared/new/a_test.go", "fmt", "has no row in rooms"},
		{"a file at the top", "main.go", "fmt", "has no row in rooms"},
		{"a module without a row", "deliver/a.go", "github.com/acme/rocket", "has no row in modules"},
		{"a module in a test without a row", "deliver/a_test.go", "github.com/acme/rocket", "has no row in modules"},
		{"the client of NATS in a stage", "deliver/a.go", "github.com/nats-io/nats.go/jetstream", "modules does not allow"},
		{"a module in a package for std only", "shared/event/a.go", "github.com/rs/zerolog", "modules does not allow"},
		{"the breaker in another stage", "retry/a.go", "github.com/sony/gobreaker/v2", "modules does not allow"},
		{"assert instead of require", "retry/a_test.go", "github.com/stretchr/testify/assert", "has no row in modules"},
		{"require outside tests", "retry/a.go", "github.com/stretchr/testify/require", "modules does not allow"},
		{"a global registry", "retry/a.go", "github.com/prometheus/client_golang/prometheus/promauto", "registers globally"},
		{"the global logger", "retry/a.go", "github.com/rs/zerolog/log", "a global logger"},
		{"package testing outside tests", "retry/a.go", "testing", "test flags"},
		{"a stage starts programs", "deliver/a.go", "os/exec", "starts no programs"},

		{"a stage imports what is common", "fanout/a.go", ours + "shared/directory", ""},
		{"a stage's test imports testkit", "fanout/a_test.go", ours + "shared/testkit", ""},
		{"a test imports its own package", "fanout/a_test.go", ours + "fanout", ""},
		{"a test looks at the streams", "fanout/a_test.go", "github.com/nats-io/nats.go/jetstream", ""},
		{"the breaker where it belongs", "deliver/fair/a.go", "github.com/sony/gobreaker/v2", ""},
		{"the histogram in the bench", "bench/load/main.go", "github.com/HdrHistogram/hdrhistogram-go", ""},
		{"end to end tests take what they need", "deploy/e2e/a_test.go", ours + "deliver", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			all := sources(t, map[string]string{test.file: "package p\n\nimport \"" + test.imports + "\"\n"})
			expect(t, importFaults(all), test.want)
		})
	}
}

// TestShippedRuleBites finds the embedded server two imports away, and says how it got there.
func TestShippedRuleBites(t *testing.T) {
	t.Parallel()
	graph := map[string][]string{
		module + "/deliver/cmd/deliver": {module + "/deliver", "fmt"},
		module + "/deliver":             {"github.com/acme/rocket"},
		"github.com/acme/rocket":        {"github.com/nats-io/nats-server/v2/server"},
	}
	expect(t, shippedFaults(graph), "deliver/cmd/deliver > deliver > github.com/acme/rocket > github.com/nats-io/nats-server/v2/server")
	graph["github.com/acme/rocket"] = []string{"github.com/nats-io/nats.go"}
	expect(t, shippedFaults(graph), "")
}

// TestCodeRulesBite gives each rule a small tree that breaks it, and one beside the line that does not.
func TestCodeRulesBite(t *testing.T) {
	t.Parallel()
	lines := func(n int) string { return strings.Repeat("\n", n) }
	const kit = `import "` + module + `/shared/testkit"`
	tests := []struct {
		name  string
		check func(tree) []string
		files map[string]string
		want  string
	}{
		{"no package comment", undocumented, map[string]string{"retry/a.go": "package retry"}, "no package comment"},
		{"a package comment in a test", undocumented, map[string]string{"retry/a_test.go": "// Package retry.\npackage retry"}, "no package comment"},
		{"a package comment in one file", undocumented, map[string]string{"retry/a.go": "package retry", "retry/b.go": "// Package retry waits.\npackage retry"}, ""},
		{"401 lines", tooLong, map[string]string{"retry/a.go": "package retry" + lines(401)}, "401 lines"},
		{"400 lines", tooLong, map[string]string{"retry/a.go": "package retry" + lines(400)}, ""},
		{"a long test", tooLong, map[string]string{"retry/a_test.go": "package retry" + lines(401)}, ""},
		{"81 lines", tooLong, map[string]string{"retry/a.go": "package retry\nfunc f() {" + lines(80) + "}"}, "f has 81 lines"},
		{"80 lines", tooLong, map[string]string{"retry/a.go": "package retry\nfunc f() {" + lines(79) + "}"}, ""},
		{"init", inits, map[string]string{"retry/a.go": "package retry\nfunc init() {}"}, "init"},
		{"a method called init", inits, map[string]string{"retry/a.go": "package retry\nfunc (t T) init() {}"}, ""},
		{"a vague name", vagueNames, map[string]string{"shared/utils/a.go": "package utils"}, "says nothing"},
		{"code in the house", notOnlyTests, map[string]string{"shared/house/a.go": "package house"}, "only doc.go and tests"},
		{"doc.go in the house", notOnlyTests, map[string]string{"shared/house/doc.go": "package house"}, ""},
		{"a client's method", strayAcks, map[string]string{"retry/a.go": "package retry\nfunc f() { m.NakWithDelay(1) }"}, "NakWithDelay"},
		{"an ambiguous one beside jetstream", strayAcks, map[string]string{"shared/bus/a.go": "package bus\nimport \"github.com/nats-io/nats.go/jetstream\"\nfunc f() { m.Ack() }"}, "call of Ack"},
		{"the bus's own", strayAcks, map[string]string{"retry/a.go": "package retry\nfunc f() { m.Ack() }"}, ""},
		{"a word of the protocol", strayAcks, map[string]string{"shared/bus/a.go": "package bus\nvar a = \"+TERM \"\nvar b = `-NAK {}`"}, "+TERM"},
		{"where it belongs", strayAcks, map[string]string{ackFile: "package bus\nvar a = \"+TERM\"\nfunc f() { m.DoubleAck() }"}, ""},
		{"servers and no TestMain", leakUnchecked, map[string]string{"retry/a_test.go": "package retry\n" + kit}, "no TestMain"},
		{"servers and an idle TestMain", leakUnchecked, map[string]string{"retry/a_test.go": "package retry\n" + kit + "\nfunc TestMain() { m.Run() }"}, "no TestMain"},
		{"servers and goleak", leakUnchecked, map[string]string{"retry/a_test.go": "package retry\n" + kit, "retry/main_test.go": "package retry\nfunc TestMain() { goleak.VerifyTestMain(m) }"}, ""},
		{"servers and a testkit that does not check", leakUnchecked, map[string]string{"retry/a_test.go": "package retry\n" + kit + "\nfunc TestMain() { testkit.Main(m) }"}, "no TestMain"},
		{"servers and a testkit that does", leakUnchecked, map[string]string{"retry/a_test.go": "package retry\n" + kit + "\nfunc TestMain() { testkit.Main(m) }", "shared/testkit/a.go": "package testkit\nimport \"go.uber.org/goleak\""}, ""},
		{"a client", strayDials, map[string]string{"retry/a.go": "package retry\nimport \"net/http\"\nvar c = &http.Client{}"}, "http.Client"},
		{"a client in a field", strayDials, map[string]string{"retry/a.go": "package retry\nimport \"net/http\"\ntype t struct { c http.Client }"}, "http.Client"},
		{"a client made by new", strayDials, map[string]string{"retry/a.go": "package retry\nimport web \"net/http\"\nvar c = new(web.Client)"}, "web.Client"},
		{"everybody's client", strayDials, map[string]string{"retry/a.go": "package retry\nimport \"net/http\"\nvar f = http.DefaultClient.Do"}, "http.DefaultClient"},
		{"a connection", strayDials, map[string]string{"retry/a.go": "package retry\nimport \"net\"\nfunc f() { net.Dial(a, b) }"}, "net.Dial"},
		{"a connection, as a value", strayDials, map[string]string{"retry/a.go": "package retry\nimport \"crypto/tls\"\nvar dial = tls.Dial"}, "tls.Dial"},
		{"an import with a dot", strayDials, map[string]string{"retry/a.go": "package retry\nimport . \"net\""}, "with a dot"},
		{"a dialer of the bench", strayDials, map[string]string{"bench/load/a.go": "package main\nimport \"net/http\"\nvar c http.Client"}, ""},
		{"a dialer in a test", strayDials, map[string]string{"retry/a_test.go": "package retry\nimport \"net\"\nvar d net.Dialer"}, ""},
		{"a client of somebody else's", strayDials, map[string]string{"retry/a.go": "package retry\nimport \"net/http\"\nfunc f(c *http.Client) { c.Get(a); _ = http.MethodGet }"}, ""},
		{"a package with the same name", strayDials, map[string]string{"retry/a.go": "package retry\nimport \"a/net\"\nfunc f() { net.Dial(a) }"}, ""},
		{"a test that skips", skips, map[string]string{"retry/a_test.go": "package retry\nfunc TestA() { t.Skip() }"}, "may fail but not skip"},
		{"a skip that is none", skips, map[string]string{"retry/a.go": "package retry\nfunc f() { decoder.Skip() }"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			expect(t, test.check(sources(t, test.files)), test.want)
		})
	}
}

// sources makes a tree of files that are not on disk.
func sources(t *testing.T, files map[string]string) tree {
	t.Helper()
	var all tree
	for name, text := range files {
		file, err := parse(name, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, file)
	}
	return all
}

// expect wants a fault that contains want, or none at all.
func expect(t *testing.T, faults []string, want string) {
	t.Helper()
	if found := strings.Join(faults, "\n"); (want == "") != (found == "") || !strings.Contains(found, want) {
		t.Errorf("found %q, want %q", found, want)
	}
}
