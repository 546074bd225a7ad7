package steps

// rule says to which step a function belongs whose name begins so, with all that
// it calls and nobody else claims.
type rule struct {
	prefix string
	step   Step
}

const (
	ours = "github.com/postrider/postrider/"
	nats = "github.com/nats-io/nats%2ego." // as symbols write it
)

// rules are those of each stage. Beside functions of ours they name those that begin
// goroutines in libraries, as nothing of ours is on the stacks of these.
func rules() map[string][]rule {
	return map[string][]rule{
		"ingest": {
			{ours + "ingest/", Accept},
			{ours + "ingest.(*keys)", Accept},
			{ours + "ingest.(*names)", Accept},
			{"net/http.(*conn)", Accept},
			{"net/http.(*connReader)", Accept},
			{ours + "ingest.(*writer)", Store},
			{ours + "ingest.newWriter", Store},
			{ours + "ingest.(*queue)", Store},
			{ours + "ingest.(*outbox)", Store},
			{nats + "(*Conn)", Store},
		},
		"fanout": {
			{ours + "fanout.", Expand},
			{ours + "shared/service.Env.ShowBacklog", Other},
			{nats + "(*Conn)", Expand},
		},
		"deliver": {
			{ours + "deliver.", Attempt},
			{ours + "deliver/", Attempt},
			{ours + "shared/service.Env.ShowBacklog", Other},
			{"net/http.(*persistConn)", Attempt},
			{"net/http.(*Transport)", Attempt},
			{nats + "(*Conn)", Attempt},
			{ours + "deliver.(*finisher)", Record},
			{ours + "deliver.(*breakers)", Record},
			{ours + "shared/group.", Record},   // which gathers results for the finisher
			{nats + "(*Conn).flusher", Record}, // acknowledgements
		},
	}
}
