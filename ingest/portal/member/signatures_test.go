package member_test

import (
	"bytes"
	"encoding/json"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/portal/portaltest"
	"github.com/postrider/postrider/shared/signature"
)

// reading is what makes a program of the code: it checks one request after the other,
// and says of each whether it was right.
var reading = map[string]struct{ file, rest, run string }{
	"go": {"main.go", `
func main() {
	var all []struct { Headers map[string]string; Body string }
	if err := json.NewDecoder(os.Stdin).Decode(&all); err != nil { panic(err) }
	for _, r := range all {
		header := http.Header{}
		for name, value := range r.Headers { header.Set(name, value) }
		fmt.Println(verify(header, []byte(r.Body)) == nil)
	}
}`, "go run"},
	"node": {"verify.js", `
for (const r of JSON.parse(require("fs").readFileSync(0, "utf8"))) {
  try { verify(r.headers, Buffer.from(r.body)); console.log(true); } catch { console.log(false); }
}`, "node"},
	"python": {"verify.py", `
import json, sys
for r in json.load(sys.stdin):
    try:
        verify(r["headers"], r["body"].encode())
        print("true")
    except ValueError:
        print("false")
`, "python3"},
	"ruby": {"verify.rb", `
require "json"
JSON.parse($stdin.read).each do |r|
  begin
    verify(r["headers"], r["body"]); puts true
  rescue RuntimeError
    puts false
  end
end
`, "ruby"},
	"php": {"verify.php", `
foreach (json_decode(file_get_contents('php://stdin'), true) as $r) {
    try { verify($r['headers'], $r['body']); echo "true\n"; } catch (Exception) { echo "false\n"; }
}
`, "php"},
}

// TestSignatures runs the code that the page shows, with the secret of the endpoint, on
// what deliver signs with it. A language that this machine does not have is left to
// those that do: the build machine has the first three.
func TestSignatures(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	app := w.App(t, "Acme")
	path := "/app/" + app + "/endpoint"
	endpoint := portaltest.ID(t, w.API(t, "POST", path, `{"url":"https://one.example/"}`))
	text, ok := w.API(t, "GET", path+"/"+endpoint+"/secret", "")["key"].(string)
	require.True(t, ok)
	v := w.Member(t, app)
	page := "/portal/endpoints/" + endpoint + "/signatures"
	require.NotContains(t, v.Get(page).Text, text)
	p := v.Post(page)

	key, err := signature.ParseKey(text)
	require.NoError(t, err)
	requests, want := signed(t, key)
	for language, with := range reading {
		shown := regexp.MustCompile(`(?s)<pre id="code-` + language + `"[^>]*>(.*?)</pre>`).FindStringSubmatch(p.Text)
		require.NotNil(t, shown, language)
		source := html.UnescapeString(shown[1])
		require.Contains(t, source, text, language)
		run := strings.Fields(with.run)
		if _, err := exec.LookPath(run[0]); err != nil {
			t.Log("NOT RUN: there is no " + run[0])
			continue
		}
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), with.file)
			source = strings.Replace(source, "import (", "import (\n\t\"encoding/json\"\n\t\"fmt\"\n\t\"os\"", 1) // which only Go has
			require.NoError(t, os.WriteFile(file, []byte(source+with.rest), 0o600))
			command := exec.CommandContext(t.Context(), run[0], append(run[1:], file)...)
			command.Stdin = bytes.NewReader(requests)
			out, err := command.CombinedOutput()
			require.NoError(t, err, "%s", out)
			require.Equal(t, want, strings.Fields(string(out)))
		})
	}
}

// signed are requests, as JSON, and whether each is right.
func signed(t *testing.T, key signature.Key) (requests []byte, want []string) {
	t.Helper()
	const body = `{"paid": "100 €"}`
	now, other := time.Now(), signature.GenerateKey()
	long := now.Add(-time.Hour)
	type request struct {
		Headers map[string]string `json:"headers"`
		Body    string            `json:"body"`
	}
	var all []request
	add := func(right bool, body, stamp, signatures string) {
		all = append(all, request{map[string]string{"webhook-id": "msg_1", "webhook-timestamp": stamp, "webhook-signature": signatures}, body})
		want = append(want, strconv.FormatBool(right))
	}
	seconds := strconv.FormatInt(now.Unix(), 10)
	sign := func(keys ...signature.Key) string { return signature.Header(keys, "msg_1", now, []byte(body)) }
	add(true, body, seconds, sign(key))
	add(true, body, seconds, sign(other, key))
	add(true, body, seconds, sign(key, signature.GenerateEd25519Key()))
	add(false, body, seconds, sign(other))
	add(false, body+" ", seconds, sign(key))
	add(false, body, strconv.FormatInt(now.Unix()+1, 10), sign(key))
	add(false, body, strconv.FormatInt(long.Unix(), 10), signature.Header([]signature.Key{key}, "msg_1", long, []byte(body)))
	add(false, body, seconds, "")
	add(false, body, seconds, "v1,")
	text, err := json.Marshal(all)
	require.NoError(t, err)
	return text, want
}

// TestSignaturesOfPair: there is code for one kind of secret only, and the page says so.
func TestSignaturesOfPair(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t)
	app := w.App(t, "Acme")
	key := signature.GenerateEd25519Key()
	endpoint := portaltest.ID(t, w.API(t, "POST", "/app/"+app+"/endpoint", `{"url":"https://one.example/","secret":"`+key.Reveal()+`"}`))
	p := w.Member(t, app).Post("/portal/endpoints/" + endpoint + "/signatures")
	require.True(t, p.Shows(key.Public()))
	require.NotContains(t, p.Text, "code-go")
}
