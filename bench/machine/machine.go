// Package machine describes where something was measured.
package machine

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Machine is this machine, and what ran on it.
type Machine struct {
	CPU      string
	Cores    int
	Memory   string
	System   string
	Versions []string // of what was measured, as far as can be told
	At       time.Time
}

const unknown = "unknown"

// Describe reads /proc, and asks the programs of the processes with these ids
// for their versions. What can't be read is unknown, which is no reason not to
// measure.
func Describe(ctx context.Context, pids map[string]int) Machine {
	m := Machine{
		CPU:      procValue("cpuinfo", "model name"),
		Cores:    runtime.NumCPU(),
		Memory:   unknown,
		System:   unknown,
		Versions: versions(ctx, pids),
		At:       time.Now().UTC(),
	}
	if kilobytes, err := strconv.Atoi(strings.TrimSuffix(procValue("meminfo", "MemTotal"), " kB")); err == nil {
		m.Memory = fmt.Sprintf("%.1f GiB", float64(kilobytes)/(1<<20))
	}
	if kernel, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.System = "Linux " + strings.TrimSpace(string(kernel))
	}
	return m
}

// procValue is the first value of that name in a file of lines "name : value".
func procValue(file, name string) string {
	text, err := os.ReadFile(filepath.Join("/proc", file))
	if err != nil {
		return unknown
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return unknown
}

// versions asks the very programs that run.
func versions(ctx context.Context, pids map[string]int) []string {
	compiler, nats, postgres := runtime.Version(), "", ""
	for name, pid := range pids {
		program := filepath.Join("/proc", strconv.Itoa(pid), "exe")
		switch info, err := buildinfo.ReadFile(program); {
		case err == nil:
			compiler = info.GoVersion
			if v := natsVersion(info); v != "" {
				nats = v
			}
		case name == "postgres":
			if out, err := exec.CommandContext(ctx, program, "--version").Output(); err == nil {
				postgres = strings.TrimPrefix(strings.TrimSpace(string(out)), "postgres (PostgreSQL) ")
			}
		}
	}
	found := []string{"Go " + strings.TrimPrefix(compiler, "go")}
	if postgres != "" {
		found = append(found, "PostgreSQL "+postgres)
	}
	if nats != "" {
		found = append(found, "nats-server "+nats)
	}
	return found
}

// natsVersion is the version of the server in a program, if it is one.
func natsVersion(info *buildinfo.BuildInfo) string {
	const server = "github.com/nats-io/nats-server/v2"
	if info.Main.Path == server {
		return info.Main.Version
	}
	for _, dep := range info.Deps {
		if dep.Path == server {
			return dep.Version
		}
	}
	return ""
}

// String is a sentence for a report.
func (m Machine) String() string {
	return fmt.Sprintf("%s, %d cores, %s of memory, %s; %s. Measured %s, generator and receivers on the same cores.",
		m.CPU, m.Cores, m.Memory, m.System, strings.Join(m.Versions, ", "), m.At.Format("2006-01-02 15:04 MST"))
}
