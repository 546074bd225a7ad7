package e2e

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/stack"
)

// setting is a row of the README's table.
type setting struct {
	flag, variable, help string
	defaults             map[string]string // by program
}

// TestReadmeTellsOfEverySetting keeps the table in the README equal to what the
// programs say of themselves.
func TestReadmeTellsOfEverySetting(t *testing.T) {
	t.Parallel()
	bin := programs(t)
	all := make(map[string]*setting)
	for _, program := range allPrograms() {
		cmd := exec.Command(filepath.Join(bin, program), "-h")
		if program == bootstrap {
			cmd = exec.Command(filepath.Join(bin, "postrider"), program, "-h")
		}
		for _, found := range flagsOf(t, cmd) {
			s := all[found.flag]
			if s == nil {
				s = &found.setting
				s.defaults = make(map[string]string)
				all[s.flag] = s
			}
			require.Equal(t, s.help, found.help, "-%s means the same in every program", s.flag)
			require.NotRegexp(t, "-file$", s.flag, "its variable would be the one that names a file for another")
			s.defaults[program] = found.fallback
		}
	}
	table := "| Flag | Variable | Default | What it sets | Programs |\n|---|---|---|---|---|\n"
	for _, name := range slices.Sorted(maps.Keys(all)) {
		table += all[name].row()
	}
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	require.Contains(t, string(readme), table, "the table of settings should be:\n\n%s", table)
}

// bootstrap is a command of the program postrider.
const bootstrap = "bootstrap"

func allPrograms() []string { return append(stack.Stages(), bootstrap, "local") }

type found struct {
	setting

	fallback string
}

// flagsOf asks a program for its flags.
func flagsOf(t *testing.T, cmd *exec.Cmd) []found {
	t.Helper()
	text, err := cmd.CombinedOutput()
	require.NoError(t, err)
	var all []found
	for _, m := range regexp.MustCompile(`(?m)^  -(\S+) .*\n +\t(.*) \((POSTRIDER_\w+)(?:, default (.*))?\)$`).FindAllStringSubmatch(string(text), -1) {
		all = append(all, found{setting{flag: m[1], help: m[2], variable: m[3]}, m[4]})
	}
	require.Len(t, all, strings.Count(string(text), "POSTRIDER_"))
	return all
}

func (s *setting) row() string {
	return fmt.Sprintf("| `-%s` | `%s` | %s | %s | %s |\n", s.flag, s.variable, s.fallback(), s.help, s.programs())
}

// fallback is the default of the stages, and that of local where it is another.
func (s *setting) fallback() string {
	code := func(text string) string {
		if text == "" {
			return ""
		}
		return "`" + text + "`"
	}
	usual := ""
	for program, value := range s.defaults {
		if program != "local" {
			usual = value
		}
	}
	local, ok := s.defaults["local"]
	if !ok || len(s.defaults) > 1 && local == usual {
		return code(usual)
	}
	if len(s.defaults) == 1 {
		return code(local)
	}
	return strings.TrimPrefix(code(usual)+"; local: "+cmp.Or(code(local), "none"), "; ")
}

func (s *setting) programs() string {
	var missing []string
	for _, program := range allPrograms() {
		if _, ok := s.defaults[program]; !ok {
			missing = append(missing, program)
		}
	}
	switch {
	case len(missing) == 0:
		return "all"
	case len(missing) == 1:
		return "all but " + missing[0]
	default:
		return strings.Join(slices.DeleteFunc(allPrograms(), func(p string) bool { return slices.Contains(missing, p) }), ", ")
	}
}
