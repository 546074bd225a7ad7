// Package procs reads from Linux's /proc what processes have cost: CPU time and
// memory, each with all its descendants, as a database server is many
// processes. It needs no privileges.
package procs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"syscall"
	"time"
)

// Usage is what one process and its descendants have used.
type Usage struct {
	// CPU is user and system time since their start, that of descendants who have
	// ended and been waited for included. So the difference of two readings is
	// what was used between them, whoever came and went.
	CPU time.Duration

	// RSS is the memory that is resident now. Of several processes it is the sum
	// of what is each one's own, and once the largest part that is shared (shared
	// memory, program text). Pages shared since a fork count for each.
	RSS int64

	// Peak is the most that was ever resident, if it is a single process, else
	// the same as RSS: the peaks of several are at different times.
	Peak int64
}

// OfEach returns the usage of several processes by name, each with its
// descendants, from one look at /proc.
// That a process is gone is an error: then what it used is not known.
func OfEach(pids map[string]int) (map[string]Usage, error) {
	all, err := readAll()
	if err != nil {
		return nil, err
	}
	usages := make(map[string]Usage, len(pids))
	for name, pid := range pids {
		usage, err := all.usage(pid)
		if err != nil {
			return nil, fmt.Errorf("read usage of %s: %w", name, err)
		}
		usages[name] = usage
	}
	return usages, nil
}

// CPUOf returns the CPU time of a process without its descendants.
func CPUOf(pid int) (time.Duration, error) {
	text, err := os.ReadFile(path(pid, "stat"))
	if err != nil {
		return 0, fmt.Errorf("read process %d: %w", pid, err)
	}
	s, err := parseStat(text)
	return ticks(s.own), err
}

// Files returns how many files and connections a process has open, without its
// descendants.
func Files(pid int) (int, error) {
	open, err := os.ReadDir(path(pid, "fd"))
	if err != nil {
		return 0, fmt.Errorf("list open files of process %d: %w", pid, err)
	}
	return len(open), nil
}

// table is all processes at one moment.
type table struct {
	stats    map[int]stat
	children map[int][]int
}

func readAll() (table, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return table{}, fmt.Errorf("list processes: %w", err)
	}
	all := table{stats: map[int]stat{}, children: map[int][]int{}}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue // not a process
		}
		text, err := os.ReadFile(path(pid, "stat"))
		if gone(err) {
			continue
		}
		if err != nil {
			return table{}, fmt.Errorf("read process %d: %w", pid, err)
		}
		s, err := parseStat(text)
		if err != nil {
			return table{}, fmt.Errorf("read process %d: %w", pid, err)
		}
		all.stats[pid] = s
		all.children[s.parent] = append(all.children[s.parent], pid)
	}
	return all, nil
}

// usage adds up a process and its descendants.
func (t table) usage(root int) (Usage, error) {
	if _, ok := t.stats[root]; !ok {
		return Usage{}, fmt.Errorf("process %d is gone", root)
	}
	var cpu, own, sharedFile, sharedMemory int64
	family := []int{root}
	for i := 0; i < len(family); i++ {
		pid := family[i]
		family = append(family, t.children[pid]...)
		cpu += t.stats[pid].own + t.stats[pid].waited
		m, err := readMemory(pid)
		if gone(err) && pid != root {
			continue
		}
		if err != nil {
			return Usage{}, fmt.Errorf("read memory of process %d: %w", pid, err)
		}
		if len(family) == 1 {
			return Usage{CPU: ticks(cpu), RSS: m.resident, Peak: m.peak}, nil
		}
		own += m.anonymous
		sharedFile = max(sharedFile, m.file)
		sharedMemory = max(sharedMemory, m.shared)
	}
	resident := own + sharedFile + sharedMemory
	return Usage{CPU: ticks(cpu), RSS: resident, Peak: resident}, nil
}

func path(pid int, name string) string { return "/proc/" + strconv.Itoa(pid) + "/" + name }

// gone tells whether a process ended while it was looked at.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)
}
