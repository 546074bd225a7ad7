package house

// Names that the tables below use for several packages at once.
const (
	module = "github.com/postrider/postrider"

	// stages are the five rooms that work on events; each becomes a process.
	stages = "ingest ingest/api ingest/door ingest/portal/web fanout deliver retry dlq dlq/rebuild"

	// forStages is what every stage may use: all of shared but what only tests and the local runner need.
	// Code moves there when a second stage needs it, not before.
	forStages = "shared/event shared/secret shared/signature shared/certificate shared/egress shared/group shared/bus shared/schedule shared/store shared/directory shared/trace shared/service"

	// testOnly may also be imported by every test.
	testOnly = "shared/testkit shared/embedded shared/stack shared/stack/link ingest/api/openapi/openapitest ingest/portal/portaltest"
)

// rooms says which of our packages each package may import. A package without a row fails, and so does a row without a
// package. Tests of a package may import the same, the package itself, and what is testOnly.
//
// What the table is for: a stage never imports another stage, so each can become a process of its own, be replaced and
// be read alone; what passes between them is in shared/event and travels over the bus.
var rooms = []struct{ path, imports string }{
	// The vocabulary, and tools that know nothing of us. They stay small because they may import nothing.
	{"shared/event", ""},                           // types, ids, subjects
	{"shared/secret", "shared/event"},              // what nobody may see, and how it is stored
	{"shared/signature", ""},                       // Standard Webhooks
	{"shared/certificate", "shared/secret"},        // what people paste to set up TLS
	{"shared/egress", "shared/secret"},             // which addresses may be dialled
	{"shared/schedule", "shared/event"},            // when to try again
	{"shared/group", ""},                           // the loop that commits in groups
	{"shared/token", "shared/event shared/secret"}, // what callers of the API authenticate with

	// The two systems that we stand on, each behind one package.
	{"shared/bus", "shared/event"},                                  // JetStream
	{"shared/store", "shared/event shared/secret shared/signature"}, // PostgreSQL

	// What is built on them: tenants and endpoints with their keys, cached; what leaves the store; spans; the life of a process.
	{"shared/directory", "shared/event shared/secret shared/signature shared/store"},
	{"shared/archive", "shared/event shared/store"},
	{"shared/trace", "shared/event shared/group"},
	{"shared/service", "shared/event shared/secret shared/egress shared/bus shared/store shared/directory shared/trace"},

	// Servers for tests and the local runner; no shipped program contains them (see notShipped).
	{"shared/embedded", ""},
	{"shared/testkit", "shared/embedded shared/event shared/secret shared/signature shared/egress shared/bus shared/store"},
	{"shared/stack", "shared/embedded shared/stack/link"}, // all of it as separate processes
	{"shared/stack/link", ""}, // connections that can be disturbed
	{"shared/house", ""},

	// The stages. The API is part of ingest, as a package because it is large.
	{"ingest", forStages + " ingest/api ingest/door ingest/portal ingest/portal/web shared/token shared/archive"},
	{"ingest/api", forStages + " ingest ingest/api/docs ingest/quota shared/token"},
	{"ingest/door", ""},  // connections, before anything is known of who they are from
	{"ingest/quota", ""}, // how often who may do what
	{"ingest/api/docs", "ingest/api/openapi"},
	{"ingest/api/openapi", ""},
	{"ingest/api/openapi/openapitest", "ingest/api/openapi"},

	// The pages. They are clients of the API, which they get as a handler: none may know how it is made.
	{"ingest/portal", "ingest/portal/web ingest/portal/member ingest/portal/console"},
	{"ingest/portal/client", "shared/secret"},
	{"ingest/portal/chart", ""},
	{"ingest/portal/web", "ingest/portal/client shared/secret"},
	{"ingest/portal/member", "ingest/portal/web ingest/portal/client ingest/portal/chart shared/secret"},
	{"ingest/portal/console", "ingest/portal/web ingest/portal/client ingest/portal/chart shared/secret"},
	{"ingest/portal/portaltest", "ingest/portal ingest/portal/web ingest/api shared/event shared/secret shared/store shared/testkit"},

	{"fanout", forStages},
	{"deliver", forStages + " deliver/account deliver/fair deliver/lanes"},
	{"deliver/account", "shared/certificate shared/egress shared/event shared/secret shared/store"}, // what endpoints are called with
	{"deliver/fair", "shared/event"},             // whose turn it is
	{"deliver/lanes", "shared/event shared/bus"}, // whose lane it is
	{"retry", forStages},
	{"dlq", forStages + " dlq/rebuild"},
	{"dlq/rebuild", forStages}, // what streams lose

	// Their programs are a few lines: a main with anything to say hides it from the all-in-one.
	{"ingest/cmd/ingest", "ingest shared/service"},
	{"fanout/cmd/fanout", "fanout shared/service"},
	{"deliver/cmd/deliver", "deliver shared/service"},
	{"retry/cmd/retry", "retry shared/service"},
	{"dlq/cmd/dlq", "dlq shared/service"},

	// Programs of the installation: everything but the stages; what prints the users of the NATS server; all in one; both
	// shapes against each other.
	{"deploy/postrider", "ingest fanout deliver retry dlq dlq/rebuild shared/archive shared/bus shared/event shared/secret shared/service shared/store shared/token"},
	{"deploy/nats", "shared/service shared/bus shared/event"},
	{"deploy/local", "ingest fanout deliver retry dlq shared/secret shared/service shared/embedded shared/bus shared/store"},
	{"deploy/grafana", ""}, // what writes the dashboards
	{"deploy/e2e", "anything"},

	// Published clients against all of it. The clients are a module of their own, which knows us only by HTTP.
	{"deploy/conformance", "shared/stack"},
	{"deploy/conformance/go", ""},

	// The checks of what an installation is made with: a module of their own, whose dependencies are not ours.
	{"deploy/check", ""},
	{"deploy/check/*", "anything"},

	// The pages in a real browser: a module of their own, for what drives it.
	{"deploy/browser", "anything"},

	// The bench speaks HTTP only, as a producer and a receiver do; it measures strangers' systems as well as ours.
	// But for two: the retry wheel has no front door of its own to be measured through, and a month of attempts is not
	// made in a minute through any.
	{"bench/wheel", "shared/event shared/bus shared/stack bench/latency bench/metrics bench/procs"},
	{"bench/lists", "ingest/portal shared/event shared/stack shared/store"},
	{"bench/*", "bench/* shared/event shared/signature shared/stack shared/stack/link"},
}

// testRooms says what the tests of some rooms may import beside that: those of pages put into the database, and check,
// what pages themselves may know nothing of.
var testRooms = []struct{ path, imports string }{
	{"ingest/portal/*", "ingest/api shared/event shared/store shared/signature shared/bus"},
}

// modules says which packages may import what comes from outside, by import path and everything below it. A path that
// is not here fails: a new dependency is a decision. Where inTests is set, every test may import it too.
var modules = []struct {
	path    string
	rooms   string
	inTests bool
}{
	// NATS. Stages know the bus, not the client; chaos publishes what the bus would not.
	{"github.com/nats-io/nats.go", "shared/bus shared/embedded shared/testkit bench/chaos", true},
	{"github.com/nats-io/nats-server/v2", "shared/embedded", false},

	// PostgreSQL. Stages know the store; the directory listens for its notifications on a connection of its own.
	{"github.com/jackc/pgx/v5", "shared/store shared/directory shared/embedded shared/testkit bench/lists bench/meter bench/scenario", true},
	{"github.com/pressly/goose/v3", "shared/store", false},

	// Logs and metrics: made by the service, used by the stages. Bus and store return their errors; the directory works
	// with nobody to return them to, and the embedded servers have logs of their own to pass on.
	{"github.com/rs/zerolog", "shared/service shared/directory shared/trace shared/embedded shared/testkit deploy/local deliver/lanes " + stages, true},
	{"github.com/prometheus/client_golang", "shared/service " + stages, true},
	{"github.com/prometheus/client_model", "shared/service", false}, // what a metric says

	// Traces. Stages know spans, not the library; tests are a collector.
	{"go.opentelemetry.io/otel", "shared/trace", false},
	{"go.opentelemetry.io/proto/otlp", "", true},
	{"google.golang.org/protobuf", "", true},

	// The sources of the API document, read once; documents that event types are imported from.
	{"go.yaml.in/yaml/v3", "ingest/api/openapi ingest/api", false},

	// The judge of event types' schemas, and of the API document.
	{"github.com/santhosh-tekuri/jsonschema/v6", "ingest/api ingest/api/openapi/openapitest", true},

	// The S3 API, and a server of it for tests.
	{"github.com/minio/minio-go/v7", "shared/archive", false},
	{"github.com/rclone/gofakes3", "", true},

	// One use each.
	{"github.com/golang-jwt/jwt/v5", "shared/token", true},             // tests forge tokens
	{"github.com/maypok86/otter/v2", "shared/directory ingest", false}, // a cache with a cap
	{"github.com/sony/gobreaker/v2", "deliver/fair", false},
	{"github.com/sethvargo/go-limiter", "deliver/fair", false},
	{"golang.org/x/time/rate", "ingest/quota shared/trace", false},
	{"golang.org/x/oauth2", "deliver/account", false},
	{"github.com/HdrHistogram/hdrhistogram-go", "bench/*", false},
	{"github.com/google/pprof/profile", "bench/steps bench/report", true}, // CPU profiles of the stages

	// Goroutines with an owner that waits. Not where only the standard library may be used.
	{"golang.org/x/sync", "shared/bus shared/store shared/directory shared/service shared/testkit bench/* " + stages, true},

	// Tests only. Of testify, require: a test that goes on after a failed check reports its consequences.
	{"github.com/stretchr/testify/require", "shared/testkit ingest/portal/portaltest", true},
	{"github.com/google/go-cmp", "shared/testkit", true},
	{"go.uber.org/goleak", "shared/testkit", true},
	{"pgregory.net/rapid", "", true},
	{"code.dny.dev/ssrf", "", true},                                  // another guard, which knows no more than ours
	{"golang.org/x/net/dns/dnsmessage", "", true},                    // answers of name servers
	{"github.com/svix/svix-webhooks", "deploy/conformance/go", true}, // the client that we are compatible with
	{"github.com/standard-webhooks/standard-webhooks", "", true},     // the judge of our signatures
}

// restricted are imports that would otherwise be free: who may have them outside tests, and why nobody else.
var restricted = []struct{ path, rooms, why string }{
	{"database/sql", "shared/store", "PostgreSQL is reached through shared/store, with pgx"},
	{"os/exec", "shared/embedded shared/stack deploy/conformance bench/*", "what is shipped starts no programs"},
	{"testing", "shared/testkit ingest/portal/portaltest", "what is shipped has no test flags"},
	{"math/rand", "", "use math/rand/v2"},
	{"log/slog", "shared/signature shared/secret", "use the zerolog logger that the stage is given"}, // what hides, hides from every logger
	{"github.com/rs/zerolog/log", "", "a global logger; use the one that the stage is given"},
	{"github.com/prometheus/client_golang/prometheus/promauto", "", "registers globally; use the registry that the stage is given"},
}

// connector is what makes connections in a package: calls and variables, and types that do when they are used.
type connector struct{ calls, types string }

// connectors are the packages of the standard library that make connections.
var connectors = map[string]connector{
	"net":               {"Dial DialTimeout DialTCP DialUDP DialIP DialUnix", "Dialer"},
	"net/http":          {"Get Head Post PostForm DefaultClient DefaultTransport ProxyFromEnvironment", "Client Transport"},
	"net/http/httputil": {"NewSingleHostReverseProxy", "ReverseProxy"},
	"crypto/tls":        {"Dial DialWithDialer", "Dialer"},
	"net/rpc":           {"Dial DialHTTP DialHTTPPath", ""},
	"net/smtp":          {"Dial SendMail", ""},
	"log/syslog":        {"Dial New NewLogger", ""},
}

// dialer is who may use them beside the tests: a package or a file.
type dialer struct{ path, why string }

// dialers are few: whatever a tenant can cause goes through the guard. Those after the first go where the operator
// says, or to this machine, and nowhere else.
var dialers = []dialer{
	{"shared/egress", "it is the guard"},
	{"shared/store/dial.go", "to the operator's database"},
	{"shared/archive/bucket.go", "to the operator's object store, which is often a private address that tenants must not reach"},
	{"shared/trace/exporter.go", "to the operator's collector of traces"},
	{"deploy/postrider/health.go", "asks the process that it is told of whether it is ready"},
	{"deploy/postrider/redrive.go", "a client of the API, as operators have it"},
	{"deploy/local/announce.go", "asks the API that it has started itself whether it answers"},
	{"ingest/portal/portaltest", "a browser of tests"},
	{"shared/testkit/wire.go", "a cable between servers of tests"},
	{"shared/stack/link/link.go", "a cable between servers of tests"},
	{"shared/stack/control.go", "asks processes of the bench whether they are ready"},
	{"deploy/conformance/go/world.go", "a client of the API, as customers have it"},
	{"bench/*", "clients of the API, and requests to their own processes"},
}

// shipped are the programs of a real installation, and notShipped what none of them may contain by any route.
const (
	shipped    = "ingest/cmd/ingest fanout/cmd/fanout deliver/cmd/deliver retry/cmd/retry dlq/cmd/dlq deploy/postrider"
	notShipped = testOnly + " github.com/nats-io/nats-server/v2 github.com/stretchr/testify testing"
)

const (
	// onlyTests may hold doc.go and tests, nothing that could be imported.
	onlyTests = "shared/house deploy/e2e deploy/browser"

	// topLevel are the folders of the repository, beside those with a dot. bin is built and ignored.
	topLevel = "ingest fanout deliver retry dlq shared deploy bench bin"

	// vague are names for packages of which nobody can say what does not belong in them.
	vague = "util utils common types models helpers config misc lib"

	// A room fits on a few screens, a function on one.
	maxFileLines = 400
	maxFuncLines = 80

	// ackFile is where JetStream is told what became of a message, in the words of its protocol. Everywhere else, a
	// message is a bus.Msg and the methods of the client's own are not called: those of any of its types in files that
	// import its package jetstream, those with unmistakable names everywhere.
	ackFile      = "shared/bus/ack.go"
	ackWords     = "+ACK -NAK +NXT +WPI +TERM"
	ackMethods   = "NakWithDelay DoubleAck AckSync TermWithReason InProgress"
	ackAmbiguous = "Ack Nak Term"
)
