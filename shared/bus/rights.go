package bus

import (
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/postrider/postrider/shared/event"
)

// User is what one program may do at the NATS server, which knows the program by
// this name. It is all that the program needs and nothing else, so who gets hold of
// a process of one stage can neither read what is on its way to another, nor take
// away what is stored.
type User struct {
	Name   string // also that of its inboxes
	Rights []Right
}

// Right is one thing that a user does, with the subjects that it takes.
type Right struct {
	Why       string
	Publish   []string
	Subscribe []string
}

// Operator is the user for people: it sees what is there and changes nothing.
const Operator = "operator"

// Users lists all there are, for streams in so many shards at most: subjects of the
// JetStream API have the names of streams in them, and the server knows no pattern
// for a part of a name. They are derived from the names that the rest of this
// package uses, so that those cannot change without them.
func Users(shards int) []User {
	r := rights{event.Shards(shards)}
	return []User{
		{"bootstrap", r.bootstrap()},
		{"ingest", r.ingest()},
		{"fanout", r.fanout()},
		{"deliver", r.deliver()},
		{"retry", r.retry()},
		{"dlq", r.dlq()},
		{"poison", r.poison()},
		{"reconcile", r.reconcile()},
		{Operator, r.operator()},
	}
}

// rights makes the rights of users, for the shards that there may be.
type rights struct{ shards []event.Shard }

// common are the rights of every program of ours.
func (r rights) common(name string) []Right {
	return []Right{
		{Why: "Answers come to inboxes of its own, which nobody else can read.", Subscribe: []string{inboxPrefix(name) + ".>"}},
		{Why: "Hears that streams may have lost something.", Subscribe: []string{subjectDoubt}},
	}
}

// looker are the rights of who begins with a look at the streams.
func (r rights) looker(name string) []Right {
	return append(r.common(name), Right{Why: "Looks at the start whether the streams are there: names and numbers, nothing of what is in them.", Publish: r.api("STREAM.INFO.*")})
}

// stage are the rights of every stage.
func (r rights) stage(name string) []Right {
	return append(r.looker(name), Right{Why: "Tells ingest how it is.", Publish: []string{answers + ">"}, Subscribe: []string{event.SubjectProcess}})
}

func (r rights) bootstrap() []Right {
	return append(r.looker("bootstrap"),
		Right{Why: "Makes the streams,", Publish: r.api("STREAM.CREATE.%s", r.streams()...)},
		Right{Why: "changes what differs,", Publish: r.api("STREAM.UPDATE.%s", r.streams()...)},
		Right{Why: "looks for their consumers,", Publish: r.api("CONSUMER.INFO.%s.*", r.streams()...)},
		Right{Why: "and makes them.", Publish: r.api("CONSUMER.CREATE.%s.>", r.streams()...)},
	)
}

func (r rights) ingest() []Right {
	return append(r.stage("ingest"),
		Right{Why: "Puts on EVENTS what it has accepted.", Publish: r.puts(event.SubjectEvents)},
		Right{Why: "Announces tasks to dlq.", Publish: r.puts(event.TaskSubject(">"))},
		Right{
			Why:     "Asks all processes how they are, and the deliver processes what they have in hand,",
			Publish: []string{event.SubjectProcess, event.SubjectLoad}, Subscribe: []string{answers + ">"},
		},
		Right{Why: "and looks since when the oldest deliveries wait.", Publish: r.api("STREAM.MSG.GET.%s", r.of(event.StreamDeliver, event.StreamOverflow)...)},
		Right{
			Why:     "Shows operators the streams with their consumers: names and numbers, nothing of what is in them.",
			Publish: slices.Concat(r.api("STREAM.LIST"), r.api("CONSUMER.LIST.%s", r.streams()...)),
		},
	)
}

func (r rights) fanout() []Right {
	return slices.Concat(r.stage("fanout"), r.pulls(event.StreamEvents, Fanout.Name, Wide.Name), []Right{
		{Why: "Puts aside what goes to a great many endpoints.", Publish: r.puts(event.SubjectWide)},
		{Why: "Puts deliveries into their lanes,", Publish: r.putsOn(event.StreamDeliver, event.StreamOverflow)},
		{Why: "those of messages for later into the wheel,", Publish: r.putsOn(event.StreamRetry)},
		{Why: "and those to disabled endpoints on DLQ.", Publish: r.puts(event.SubjectsDead)},
		{Why: "Tells the deliver processes of news in own lanes.", Publish: []string{signalPrefix + event.SubjectsOverflow}},
	})
}

func (r rights) deliver() []Right {
	table := "KV_" + workersBucket
	return slices.Concat(r.stage("deliver"), r.pulls(event.StreamDeliver, "*"), r.pulls(event.StreamOverflow, "*"), []Right{
		{Why: "Moves deliveries into own lanes,", Publish: r.putsOn(event.StreamOverflow)},
		{Why: "hands on those that failed,", Publish: r.putsOn(event.StreamRetry)},
		{Why: "and those that failed for the last time.", Publish: r.puts(event.SubjectsDead)},
		{
			Why:     "Tells the other deliver processes of news in own lanes, and hears it.",
			Publish: []string{signalPrefix + event.SubjectsOverflow}, Subscribe: []string{signalPrefix + event.SubjectsOverflow},
		},
		{Why: "Opens own lanes: makes their consumers, and no others;", Publish: r.opens()},
		{Why: "looks since when their first wait,", Publish: r.api("STREAM.MSG.GET.%s", r.of(event.StreamOverflow)...)},
		{Why: "and whether they can be closed,", Publish: r.api("CONSUMER.INFO.%s.*", r.of(event.StreamOverflow)...)},
		{Why: "and removes them.", Publish: r.api("CONSUMER.DELETE.%s.*", r.of(event.StreamOverflow)...)},
		{
			Why: "Reads, writes and watches the table of the deliver processes.",
			Publish: slices.Concat(
				[]string{"$KV." + workersBucket + ".>"}, r.api("STREAM.MSG.GET.%s", table),
				r.api("CONSUMER.CREATE.%s.*.$KV."+workersBucket+".>", table), r.api("CONSUMER.DELETE.%s.*", table), flows(table)),
		},
		{
			Why:     "Asks one of them whether it lives, and answers.",
			Publish: []string{presencePrefix + "*", inboxPrefix("deliver") + ".>"}, Subscribe: []string{presencePrefix + "*"},
		},
		{Why: "Tells ingest what it has in hand.", Subscribe: []string{event.SubjectLoad}},
	})
}

func (r rights) retry() []Right {
	return slices.Concat(r.stage("retry"), r.pulls(event.StreamRetry, "*"), []Right{
		{Why: "Puts what is due back into its lane, and the rest into the next tier.", Publish: r.putsOn(event.StreamDeliver, event.StreamRetry)},
		{Why: "Looks since when the first of each tier wait.", Publish: r.api("STREAM.MSG.GET.%s", r.of(event.StreamRetry)...)},
	})
}

func (r rights) dlq() []Right {
	return slices.Concat(r.stage("dlq"), r.pulls(DLQ.Stream, DLQ.Name), r.pulls(Tasks.Stream, Tasks.Name), []Right{
		{Why: "Delivers again: what is dead, what was missed, and what the streams lost.", Publish: slices.Concat(
			r.putsOn(event.StreamDeliver, event.StreamRetry), r.puts(event.SubjectsDead))},
		{Why: "Announces tasks again that nobody has worked on.", Publish: r.puts(event.TaskSubject(">"))},
		{Why: "Watches the streams,", Publish: slices.Concat(
			r.api("STREAM.LIST"), r.api("STREAM.MSG.GET.%s", r.of(event.StreamRetry, event.StreamDLQ)...))},
		{Why: "and their consumers,", Publish: r.api("CONSUMER.INFO.%s.*", r.streams()...)},
		{Why: "makes streams again that are gone, which changes nothing of those that are there,", Publish: r.api("STREAM.CREATE.%s", r.streams()...)},
		{Why: "with their consumers,", Publish: r.api("CONSUMER.CREATE.%s.>", r.streams()...)},
		{Why: "and makes room on DLQ.", Publish: r.api("STREAM.PURGE.%s", event.StreamDLQ)},
	})
}

func (r rights) poison() []Right {
	return append(r.common("poison"),
		Right{Why: "Reads what was set aside on DLQ, and takes it off.", Publish: slices.Concat(r.api("STREAM.INFO.%s", event.StreamDLQ),
			r.api("STREAM.MSG.GET.%s", event.StreamDLQ), r.api("STREAM.MSG.DELETE.%s", event.StreamDLQ))},
		Right{Why: "Puts it back where it came from.", Publish: slices.Concat(
			r.putsOn(event.StreamEvents, event.StreamDeliver, event.StreamOverflow, event.StreamRetry),
			r.puts(event.SubjectsDead, event.TaskSubject(">")))},
	)
}

func (r rights) reconcile() []Right {
	return append(r.common("reconcile"),
		Right{Why: "Delivers again what the streams lost.", Publish: slices.Concat(
			r.putsOn(event.StreamDeliver, event.StreamRetry), r.puts(event.SubjectsDead))},
		Right{Why: "Tells all that streams may have lost something.", Publish: []string{subjectDoubt}},
	)
}

func (r rights) operator() []Right {
	return []Right{
		{Why: "Answers; tell the nats CLI so: --inbox-prefix " + inboxPrefix(Operator), Subscribe: []string{inboxPrefix(Operator) + ".>"}},
		{Why: "Hears that streams may have lost something.", Subscribe: []string{subjectDoubt}},
		{Why: "Sees what is stored where, and what waits for whom.", Publish: slices.Concat(r.api("INFO"),
			r.api("STREAM.NAMES"), r.api("STREAM.LIST"), r.api("STREAM.INFO.*"),
			r.api("CONSUMER.NAMES.*"), r.api("CONSUMER.LIST.*"), r.api("CONSUMER.INFO.*.*"))},
		{Why: "Hears what the server has to say.", Subscribe: []string{"$JS.EVENT.>"}},
		{Why: "Reads messages, with their payloads: take this away where they are nobody's business.", Publish: r.api("STREAM.MSG.GET.*")},
	}
}

// pulls are the rights of whoever works on some consumers of a stream, or all.
func (r rights) pulls(stream string, consumers ...string) []Right {
	var pull, ack, aside []string
	for _, s := range r.of(stream) {
		for _, c := range consumers {
			pull = append(pull, nextSubject(s, c))
			aside = append(aside, event.PoisonSubject(s, c))
		}
		ack = append(ack, acks(s)...)
	}
	return []Right{
		{Why: "Takes what is on " + stream + ",", Publish: pull},
		{Why: "says what has become of it (servers may come to name themselves and the account before the stream),", Publish: ack},
		{Why: "sets aside what cannot be handled,", Publish: aside},
		{Why: "and tells all when a consumer has lost its leader.", Publish: []string{subjectDoubt}},
	}
}

// opens are the subjects of requests that make consumers of own lanes.
func (r rights) opens() []string {
	var all []string
	for _, s := range r.shards {
		for _, filter := range divided[event.StreamOverflow] {
			all = append(all, r.api("CONSUMER.CREATE.%s.*."+s.Subject(filter), s.Stream(event.StreamOverflow))...)
		}
	}
	return all
}

// putsOn are all subjects of messages on divided streams.
func (r rights) putsOn(streams ...string) []string {
	var all []string
	for _, stream := range streams {
		all = append(all, r.puts(divided[stream]...)...)
	}
	return all
}

// puts are the subjects as they are in whatever shard.
func (r rights) puts(subjects ...string) []string {
	const each event.Shard = "*"
	var all []string
	for _, subject := range subjects {
		all = append(all, subject)
		if _, ok := divided[streamNamed(subject)]; ok && len(r.shards) > 1 {
			all = append(all, each.Subject(subject))
		}
	}
	return all
}

// streams are the names of all streams.
func (r rights) streams() []string {
	var all []string
	for _, s := range streams(Layout{Shards: len(r.shards) - 1}) {
		all = append(all, s.Name)
	}
	return all
}

// of are the names of some streams, in all shards.
func (r rights) of(streams ...string) []string {
	var all []string
	for _, stream := range streams {
		if _, ok := divided[stream]; !ok {
			all = append(all, stream)
			continue
		}
		for _, s := range r.shards {
			all = append(all, s.Stream(stream))
		}
	}
	return all
}

// api are the subjects of a request to JetStream about some streams.
func (rights) api(request string, streams ...string) []string {
	if len(streams) == 0 {
		return []string{jetstream.DefaultAPIPrefix + request}
	}
	all := make([]string, len(streams))
	for i, s := range streams {
		all[i] = jetstream.DefaultAPIPrefix + fmt.Sprintf(request, s)
	}
	return all
}

// acks are the subjects by which the server is told what has become of messages of
// the stream. There are as many tokens as in its own: with fewer, or an open end,
// those of one stream could be written so that they are another's.
func acks(stream string) []string {
	return []string{"$JS.ACK." + stream + ".*.*.*.*.*.*", "$JS.ACK.*.*." + stream + ".*.*.*.*.*.>"}
}

// flows are the subjects by which whoever watches the stream keeps its pace.
func flows(stream string) []string {
	return []string{"$JS.FC." + stream + ".*.*", "$JS.FC.*.*." + stream + ".*.*"}
}
