package steps

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"
	"github.com/stretchr/testify/require"
)

// sample is one: so much CPU, and the functions from the innermost on. Those
// between bars were inlined into one another.
type sample struct {
	cpu   int64
	stack string
}

// made is a profile of samples, as Go writes it.
func made(samples ...sample) *profile.Profile {
	p := &profile.Profile{SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}}}
	for _, s := range samples {
		each := &profile.Sample{Value: []int64{1, s.cpu}}
		for place := range strings.FieldsSeq(strings.ReplaceAll(s.stack, "~", ours)) {
			at := &profile.Location{ID: uint64(len(p.Location) + 1)}
			for name := range strings.SplitSeq(place, "|") {
				f := &profile.Function{ID: uint64(len(p.Function) + 1), Name: name}
				p.Function = append(p.Function, f)
				at.Line = append(at.Line, profile.Line{Function: f})
			}
			p.Location = append(p.Location, at)
			each.Location = append(each.Location, at)
		}
		p.Sample = append(p.Sample, each)
	}
	return p
}

func TestStepOf(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		stage string
		stack string
		want  Step
	}{
		"a request":                      {"ingest", "encoding/json.checkValid ~ingest/api.(*call).createMessage ~ingest/door.New.unambiguous.func1 net/http.(*conn).serve", Accept},
		"the server's own work":          {"ingest", "bufio.(*Writer).Flush net/http.(*response).finishRequest net/http.(*conn).serve", Accept},
		"the innermost decides":          {"ingest", "runtime.mallocgc ~ingest.(*queue).put ~ingest.(*writer).Accept ~ingest/api.(*call).accept net/http.(*conn).serve", Store},
		"what is shared is its caller's": {"ingest", "runtime.memmove ~shared/store.(*Store).Accept ~ingest.(*writer).commit.func1 ~shared/group.Isolate[go.shape.*uint8] ~ingest.(*writer).commit", Store},
		"a closure of a constructor":     {"ingest", "runtime.chanrecv ~ingest.newWriter.func1 sync.(*WaitGroup).Go.func1", Store},
		"publishing":                     {"ingest", "~shared/bus.(*Bus).Publish ~ingest.(*outbox).send sync.(*WaitGroup).Go.func1", Store},
		"what was inlined":               {"ingest", "runtime.nanotime|~ingest.(*queue).take|~ingest/api.x net/http.(*conn).serve", Store},
		"upkeep":                         {"ingest", "~shared/store.(*Store).Expunge ~ingest.upkeep ~ingest.(*Stage).Run.func7", Other},
		"the scheduler":                  {"ingest", "runtime.futex runtime.findRunnable runtime.mcall", Other},
		"a library's goroutine":          {"fanout", "syscall.read github.com/nats-io/nats%2ego.(*Conn).readLoop", Expand},
		"expanding":                      {"fanout", "~shared/directory.(*Directory).Endpoints ~fanout.(*worker).expand", Expand},
		"looking at a backlog":           {"fanout", "~shared/bus.(*Bus).Holds ~fanout.(*Stage).Run.func3 ~shared/service.Env.ShowBacklog ~fanout.(*Stage).Run.func3", Expand},
		"showing it":                     {"fanout", "time.Sleep ~shared/service.Env.ShowBacklog ~fanout.(*Stage).Run.func3", Other},
		"a call":                         {"deliver", "crypto/sha256.block ~shared/signature.Header ~deliver.(*caller).setHeaders ~deliver.(*worker).attempt", Attempt},
		"a turn":                         {"deliver", "~deliver/fair.(*Scheduler).Done ~deliver.(*worker).attempt", Attempt},
		"a connection to an endpoint":    {"deliver", "syscall.write net/http.(*persistConn).writeLoop", Attempt},
		"recording":                      {"deliver", "~shared/store.(*Store).RecordAttempts ~deliver.(*finisher).record ~shared/group.Isolate[go.shape.*uint8] ~deliver.(*finisher).finish", Record},
		"waiting for results":            {"deliver", "runtime.selectgo ~shared/group.gather[go.shape.*uint8] ~shared/group.Paced[go.shape.*uint8] ~deliver.(*worker).run.func4", Record},
		"acknowledging":                  {"deliver", "syscall.write github.com/nats-io/nats%2ego.(*Conn).flusher", Record},
		"a stage that has no step":       {"retry", "~retry.(*releaser).send", Other},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, map[Step]float64{test.want: 1}, shares(test.stage, made(sample{7, test.stack})))
		})
	}
}

// TestDivide also writes and reads a profile, as it comes from a process.
func TestDivide(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	require.NoError(t, made(
		sample{50, "~deliver.(*caller).call"}, sample{20, "~deliver.(*worker).serve"}, sample{20, "~deliver.(*finisher).finish"}, sample{10, "runtime.mcall"},
	).Write(&text))
	read, err := profile.Parse(&text)
	require.NoError(t, err)
	cpu := map[string]time.Duration{"deliver": time.Second, "deliver-2": 3 * time.Second, "dlq": time.Second, "postgres": 9 * time.Second, "nats-server": time.Minute}
	require.Nil(t, Divide(cpu, nil))
	require.Equal(t, []Cost{
		{"accept", 0},
		{"store", 0},
		{"expand", 0},
		{"attempt", 700 * time.Millisecond},
		{"record", 200*time.Millisecond + 3*time.Second},
		{"other", 100*time.Millisecond + time.Second},
		{"nats-server", time.Minute},
		{"postgres", 9 * time.Second},
	}, Divide(cpu, map[string]*profile.Profile{
		"deliver":   read,
		"deliver-2": made(sample{1, "~deliver.(*finisher).finish"}),
		"dlq":       made(), // it was idle
	}))
}

// TestRulesAreOfThisSource finds rules that name nothing any more.
func TestRulesAreOfThisSource(t *testing.T) {
	t.Parallel()
	for stage, all := range rules() {
		for _, r := range all {
			name, isOurs := strings.CutPrefix(r.prefix, ours)
			if !isOurs {
				continue
			}
			folder, function, _ := strings.Cut(name, ".")
			files, err := filepath.Glob(filepath.Join("..", "..", folder, "*.go"))
			require.NoError(t, err)
			more, err := filepath.Glob(filepath.Join("..", "..", folder, "*", "*.go"))
			require.NoError(t, err)
			files = append(files, more...)
			require.NotEmpty(t, files, "%s: %s", stage, r.prefix)
			require.True(t, declares(t, files, function), "%s: %s", stage, r.prefix)
		}
	}
}

// declares tells whether there is such a function, or a method of such a type.
func declares(t *testing.T, files []string, function string) bool {
	t.Helper()
	receiver, method, _ := strings.Cut(strings.TrimPrefix(function, "(*"), ".")
	receiver = strings.TrimSuffix(receiver, ")")
	declared := regexp.MustCompile(`(?m)^func (\(\w* ?\*?` + receiver + `\) ` + method + `|` + receiver + `\()`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		if function == "" || declared.Match(text) {
			return true
		}
	}
	return false
}
