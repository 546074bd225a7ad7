package procs

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of CPU time in /proc: Linux shows a hundredth of a second on
// all machines that Go runs on, whatever it counts in.
const tick = 10 * time.Millisecond

func ticks(n int64) time.Duration { return time.Duration(n) * tick }

// stat is what is needed from /proc/<pid>/stat; times in ticks.
type stat struct {
	parent int
	own    int64 // user and system time
	waited int64 // the same of children that have ended, and of theirs
}

// Where the fields are, counted from the one after the name.
const (
	statParent = 1
	statUser   = 11
	statSystem = 12
	statKids   = 13 // user time of children
	statKidsIn = 14 // system time of children
	statFields = 15
)

// parseStat skips the name in parentheses, which may itself contain spaces and
// parentheses.
func parseStat(text []byte) (stat, error) {
	end := bytes.LastIndexByte(text, ')')
	if end < 0 {
		return stat{}, fmt.Errorf("parse stat: no name in %q", text)
	}
	fields := strings.Fields(string(text[end+1:]))
	if len(fields) < statFields {
		return stat{}, fmt.Errorf("parse stat: %d fields after the name", len(fields))
	}
	var n [statFields]int64
	for _, at := range []int{statParent, statUser, statSystem, statKids, statKidsIn} {
		value, err := strconv.ParseInt(fields[at], 10, 64)
		if err != nil {
			return stat{}, fmt.Errorf("parse stat: %w", err)
		}
		n[at] = value
	}
	return stat{
		parent: int(n[statParent]),
		own:    n[statUser] + n[statSystem],
		waited: n[statKids] + n[statKidsIn],
	}, nil
}

// memory is what is needed from /proc/<pid>/status, in bytes.
type memory struct{ resident, peak, anonymous, file, shared int64 }

func readMemory(pid int) (memory, error) {
	text, err := os.ReadFile(path(pid, "status"))
	if err != nil {
		return memory{}, err
	}
	return parseMemory(string(text))
}

// parseMemory leaves at zero what is not there, as for a process that has ended
// and was not yet waited for.
func parseMemory(text string) (memory, error) {
	var m memory
	fields := map[string]*int64{
		"VmRSS": &m.resident, "VmHWM": &m.peak,
		"RssAnon": &m.anonymous, "RssFile": &m.file, "RssShmem": &m.shared,
	}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(line, ":")
		field, wanted := fields[name]
		if !wanted {
			continue
		}
		kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return memory{}, fmt.Errorf("parse %s: %w", name, err)
		}
		*field = kilobytes << 10
	}
	return m, nil
}
