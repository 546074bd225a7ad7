package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// at is a moment of a run.
func at(seconds float64) time.Time {
	return time.Unix(1_000_000, 0).Add(time.Duration(seconds * float64(time.Second)))
}

func lasting(k kind, t target, from, to float64) trouble { return trouble{k, t, at(from), at(to)} }

func ill(from, to float64) spell { return spell{from: at(from), to: at(to)} }

func TestRecovery(t *testing.T) {
	t.Parallel()
	kill := lasting(killed, process("retry"), 10, 10)
	tests := map[string]struct {
		others []trouble
		spells []spell
		want   float64
	}{
		"nobody noticed":               {},
		"one spell":                    {spells: []spell{ill(10.1, 12)}, want: 2},
		"one that was over":            {spells: []spell{ill(1, 9)}},
		"one that comes later":         {spells: []spell{ill(14, 20)}},
		"ready for a moment":           {spells: []spell{ill(10.1, 12), ill(12.5, 13)}, want: 3},
		"already ill":                  {spells: []spell{ill(8, 12)}, want: 2},
		"another trouble meanwhile":    {others: []trouble{lasting(frozen, process("dlq"), 11, 15)}, spells: []spell{ill(10.1, 16)}, want: 1},
		"another that lasts longer":    {others: []trouble{lasting(hung, target{"dlq", postgres}, 11, 30)}, spells: []spell{ill(10.1, 12)}},
		"another after it is all over": {others: []trouble{lasting(killed, process("dlq"), 13, 13)}, spells: []spell{ill(10.1, 12), ill(13.1, 14)}, want: 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := append([]trouble{kill}, test.others...)
			require.InDelta(t, test.want, recovery(kill, all, test.spells).Seconds(), 1e-6)
		})
	}
}

func TestBlame(t *testing.T) {
	t.Parallel()
	const unexplained = ""
	again := repeat{first: arrival{at: at(20), answered: at(20.3)}, again: arrival{at: at(55)}}
	worker, server := process(deliverStage), process(natsServer)
	tests := map[string]struct {
		all    []trouble
		spells []spell
		want   string
	}{
		"nothing was done":                    {want: unexplained},
		"the worker was killed":               {all: []trouble{lasting(killed, worker, 20.4, 20.4)}, want: "deliver killed"},
		"long after":                          {all: []trouble{lasting(killed, worker, 40, 40)}, want: unexplained},
		"long before":                         {all: []trouble{lasting(killed, worker, 10, 10)}, want: unexplained},
		"another worker":                      {all: []trouble{lasting(killed, process("deliver-2"), 21, 21)}, want: "deliver-2 killed"},
		"while it was frozen":                 {all: []trouble{lasting(frozen, worker, 15, 19)}, want: "deliver frozen"},
		"somebody else":                       {all: []trouble{lasting(killed, process("fanout"), 20.4, 20.4)}, want: unexplained},
		"the answer was cut off":              {all: []trouble{lasting(cut, target{deliverStage, receivers}, 20.1, 20.1)}, want: "deliver→receivers cut at all connections"},
		"the database, and it took a while":   {all: []trouble{lasting(killed, process(postgres), 10, 10)}, spells: []spell{ill(10.1, 19)}, want: "postgres killed"},
		"the database of another stage":       {all: []trouble{lasting(hung, target{"fanout", postgres}, 20, 22)}, want: unexplained},
		"no acknowledgement":                  {all: []trouble{lasting(hung, target{deliverStage, natsServer}, 19, 24)}, want: "deliver→nats-server hung"},
		"a node of a cluster":                 {all: []trouble{lasting(killed, process("nats-server-3"), 21, 21)}, want: "nats-server-3 killed"},
		"what is nearest to the call goes on": {all: []trouble{lasting(killed, server, 20, 20), lasting(frozen, worker, 20, 21)}, want: "deliver frozen"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cause, ok := blame(again, test.all, test.spells)
			require.Equal(t, test.want != unexplained, ok)
			if ok {
				require.Equal(t, test.want, cause.String())
			}
		})
	}
}

func TestDiary(t *testing.T) {
	t.Parallel()
	var d diary
	endFirst := d.begin(frozen, process("retry"))
	d.begin(cut, target{"retry", natsServer})()
	before := d.all()
	endFirst()
	after := d.all()
	require.Len(t, after, 2)
	require.Equal(t, before[0].began, before[0].ended, "not over yet")
	require.True(t, after[0].ended.After(after[0].began))
	require.Equal(t, "retry frozen", after[0].String())
	require.Equal(t, "retry→nats-server cut at all connections", after[1].String())
}
