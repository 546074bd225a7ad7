package main

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

// machine describes where something was measured.
type machine struct {
	cpu      string
	cores    int
	memory   string
	system   string
	versions []string // of what was measured, as far as can be told
	at       time.Time
}

const unknown = "unknown"

// describeMachine reads /proc. What can't be read is unknown, which is no reason
// not to measure.
func describeMachine(ctx context.Context, pids map[string]int) machine {
	m := machine{
		cpu:      procValue("cpuinfo", "model name"),
		cores:    runtime.NumCPU(),
		memory:   unknown,
		system:   unknown,
		versions: versions(ctx, pids),
		at:       time.Now().UTC(),
	}
	if kilobytes, err := strconv.Atoi(strings.TrimSuffix(procValue("meminfo", "MemTotal"), " kB")); err == nil {
		m.memory = fmt.Sprintf("%.1f GiB", float64(kilobytes)/(1<<20))
	}
	if kernel, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.system = "Linux " + strings.TrimSpace(string(kernel))
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

func (m machine) String() string {
	return fmt.Sprintf("%s, %d cores, %s of memory, %s; %s. Measured %s, generator and receivers on the same cores.",
		m.cpu, m.cores, m.memory, m.system, strings.Join(m.versions, ", "), m.at.Format("2006-01-02 15:04 MST"))
}
