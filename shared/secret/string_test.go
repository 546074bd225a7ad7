package secret_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"testing"
	"text/template"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/secret"
)

const mark = "hush-4711"

type xmlHolder struct{ Secret secret.String }

// TestStringIsNeverPrinted puts one into everything that prints.
func TestStringIsNeverPrinted(t *testing.T) {
	t.Parallel()
	s := secret.New(mark)
	type holder struct {
		Shown  secret.String
		hidden secret.String
		ptr    *secret.String
	}
	held := holder{Shown: s, hidden: s, ptr: &s}
	var out bytes.Buffer
	for _, verb := range []string{"v", "+v", "#v", "s", "q", "x", "X", "d", "c", "U", "e", "t", "p", "T", "w"} {
		fmt.Fprintf(&out, "%"+verb+" ", s)
		fmt.Fprintf(&out, "%"+verb+" ", &s)
		fmt.Fprintf(&out, "%"+verb+" ", held)
		fmt.Fprintf(&out, "%"+verb+" ", &held)
		fmt.Fprintf(&out, "%"+verb+" ", []secret.String{s})
		fmt.Fprintf(&out, "%"+verb+" ", map[string]secret.String{"a": s})
		fmt.Fprintf(&out, "%"+verb+" ", errors.Join(fmt.Errorf("read %v: %s", s, s)))
	}
	fmt.Fprintln(&out, s, held)
	slog.New(slog.NewTextHandler(&out, nil)).Info("text", "secret", s, "held", held)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("json", "secret", s, "held", held)
	log := zerolog.New(&out)
	log.Info().Interface("secret", s).Any("any", held).Stringer("stringer", s).Str("text", s.String()).
		Fields(map[string]any{"field": s, "list": []any{s}}).Msgf("secret %v", s)
	console := zerolog.New(zerolog.ConsoleWriter{Out: &out, NoColor: true})
	console.Info().Interface("secret", s).Any("any", held).Msg("console")
	require.NoError(t, json.NewEncoder(&out).Encode(map[string]any{"secret": s, "held": held, "keys": map[string]secret.String{"a": s}}))
	require.NoError(t, xml.NewEncoder(&out).Encode(xmlHolder{s}))
	require.NoError(t, template.Must(template.New("").Parse("{{.Shown}} {{printf \"%s\" .Shown}}")).Execute(&out, held))

	require.NotContains(t, out.String(), mark)
	require.NotContains(t, out.String(), fmt.Sprintf("%x", mark))
	require.Contains(t, out.String(), "[secret]")
	require.Equal(t, mark, s.Reveal())
}

// TestStringIsAFlag sees that help shows neither a default nor what was set.
func TestStringIsAFlag(t *testing.T) {
	t.Parallel()
	var s, preset secret.String
	preset = secret.New(mark)
	var out bytes.Buffer
	fs := flag.NewFlagSet("test", flag.ContinueOnError)
	fs.SetOutput(&out)
	fs.Var(&s, "token", "`token` that is accepted")
	fs.Var(&preset, "other", "another")
	require.NoError(t, fs.Parse([]string{"-token", mark}))
	fs.PrintDefaults()
	require.Equal(t, mark, s.Reveal())
	require.NotContains(t, out.String(), mark)
	require.Empty(t, fs.Lookup("token").DefValue)
}

func TestStringEqual(t *testing.T) {
	t.Parallel()
	require.True(t, secret.New("a").Equal(secret.New("a")))
	require.False(t, secret.New("a").Equal(secret.New("b")))
	require.False(t, secret.New("a").Equal(secret.String{}))
	require.True(t, secret.New("").Equal(secret.String{}))
	require.True(t, secret.New("").IsZero())
	require.Empty(t, fmt.Sprintf("%v%s", secret.String{}, secret.New("")))
}
