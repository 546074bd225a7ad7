package service

import (
	"math"
	"os"
	"runtime/debug"
)

// What of a process's memory is not Go's to bound: the program itself, stacks of
// the system's threads, buffers of its sockets.
const outsideGo = 32 << 20

// rarer is how much garbage there may be for what is in use, in percent. Go's own
// measure, 100, is for heaps that are large: a stage has some ten MiB in use, so it
// collected seven times a second under load, and each time woke all its threads. At
// 400 an event costs a quarter less CPU over all processes (bench/RESULTS.md).
const rarer = 400

// collectRarely sets how often garbage is collected, where the environment (GOGC)
// does not.
func collectRarely() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(rarer)
	}
}

// limitMemory has the garbage collector work harder before the process outgrows
// what it may have. It bounds garbage; what is in use is bounded by the stages. A
// limit in the environment (GOMEMLIMIT) goes before.
func limitMemory(bytes int64) {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(max(bytes-outsideGo, outsideGo))
	}
}

// memory is what the process may have: as set, or what its stages need.
func memory(settings Settings, stages []Stage) int64 {
	if settings.Memory > 0 {
		return settings.Memory
	}
	var sum int64
	for _, s := range stages {
		sum += s.Memory()
	}
	return sum
}
