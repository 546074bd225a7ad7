package browser

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// patience is how long something may take to appear on a page: long enough for any
// machine, since nothing is timed by it.
const patience = 40 * time.Second

//go:embed find.js
var find string

// size is that of a window.
type size struct{ width, height int }

var (
	desktop = size{1280, 800}
	phone   = size{390, 844}
)

// tab is a window with cookies and a cache of its own, as a person has it who
// comes for the first time.
type tab struct {
	*watch

	t    *testing.T
	ctx  context.Context //nolint:containedctx // it is how chromedp knows the tab
	base string          // of paths
}

// open opens a tab, and fails the test in the end when the watch saw anything.
func open(t *testing.T) *tab {
	t.Helper()
	p := &tab{t: t, base: system.URL}
	p.watch = newWatch(p.base)
	ctx, closed := chromedp.NewContext(chromium, chromedp.WithNewBrowserContext(), chromedp.WithListener(p.event))
	p.ctx = ctx
	p.dismiss = func() { _, _ = chromedp.Call(ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{}) } // unless it closed itself
	t.Cleanup(func() {
		if t.Failed() {
			p.show()
		}
		closed()
		p.dialogs.Wait()
	})
	p.do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
		return err
	}))
	p.resize(desktop)
	t.Cleanup(func() {
		p.settle()
		for _, fault := range p.faults() {
			t.Errorf("at %s", fault)
		}
	})
	return p
}

// do runs actions. The first runs without a limit, since the tab lives as long as it.
func (p *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	require.NoError(p.t, chromedp.Do(p.ctx, actions...))
}

// evaluate evaluates an expression in which f is what find.js offers.
func evaluate[T any](p *tab, expression string, options ...chromedp.EvaluateOption) (T, error) {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T]("(f => ("+expression+"))(globalThis.__find ??= "+find+")", options...))
}

// ask evaluates an expression that must succeed.
func ask[T any](p *tab, expression string, options ...chromedp.EvaluateOption) T {
	p.t.Helper()
	v, err := evaluate[T](p, expression, options...)
	require.NoError(p.t, err, expression)
	return v
}

// await evaluates an expression until it is neither null nor false. A page that is
// just being replaced by the next has no answer.
func await[T any](p *tab, what, expression string) T {
	p.t.Helper()
	var last error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		raw, err := evaluate[json.RawMessage](p, expression)
		if last = err; err != nil || string(raw) == "null" || string(raw) == "false" {
			continue
		}
		var v T
		require.NoError(p.t, json.Unmarshal(raw, &v))
		return v
	}
	require.FailNow(p.t, "never: "+what, "error: %v\n%s", last, p.summary())
	panic("not reached")
}

// visit goes to a path or an address as one who types it, and waits until all of it is there.
func (p *tab) visit(path string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if strings.HasPrefix(path, "/") {
		path = p.base + path
	}
	require.NoError(p.t, chromedp.Do(ctx, chromedp.Navigate(path)), path)
	p.settle()
}

// settle waits until all that the page asked for has come, but for what never ends.
func (p *tab) settle() {
	p.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if still, err := evaluate[bool](p, `document.readyState === "complete" && !document.querySelector(".htmx-request, .htmx-swapping, .htmx-settling")`); err == nil && still && len(p.underway()) == 0 {
			return
		}
	}
	require.FailNow(p.t, "the page does not come to rest", "on its way: %v\n%s", p.underway(), p.summary())
}

// at waits for a page, which is known by its heading.
func (p *tab) at(heading string) {
	p.t.Helper()
	await[bool](p, "the page "+heading, "f.heading().includes("+quote(heading)+")")
	p.settle()
}

// sees waits until a text can be read on the page.
func (p *tab) sees(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		await[bool](p, fmt.Sprintf("the text %q", text), "f.text().includes("+quote(text)+")")
	}
}

// click clicks a link or button of that name with the mouse.
func (p *tab) click(name string) {
	p.t.Helper()
	p.press("clickable", name)
}

// press clicks something, and when that leads to another page waits until it is there.
func (p *tab) press(kind, name string) {
	p.t.Helper()
	at := await[struct {
		X, Y   float64
		Leaves bool
	}](p, fmt.Sprintf("the %s %q", kind, name), "f.spot("+quote(kind)+","+quote(name)+")")
	p.do(chromedp.MouseClickXY(at.X, at.Y))
	if at.Leaves {
		await[bool](p, "the page that "+name+" leads to", "!globalThis.__before")
		p.settle()
	}
}

// fill replaces what stands in the field with that label.
func (p *tab) fill(label, value string) {
	p.t.Helper()
	p.press("field", label)
	ask[any](p, "f.clear()")
	p.do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, input.InsertText, input.InsertTextParams{Text: value})
		return err
	}))
}

// complains waits for the message beside a field, and returns it.
func (p *tab) complains(label string) string {
	p.t.Helper()
	return await[string](p, "what is wrong with "+label, "f.error("+quote(label)+")")
}

func (p *tab) resize(s size) {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(int64(s.width), int64(s.height)))
}

// prefers says which colours the person likes: light or dark.
func (p *tab) prefers(theme string) {
	p.t.Helper()
	p.do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"},
		}})
		return err
	}))
}

// picture is all of the page, also what one would have to scroll to.
func (p *tab) picture() []byte {
	p.t.Helper()
	png, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	require.NoError(p.t, err)
	return png
}

// summary is what a person would say of the page.
func (p *tab) summary() string {
	text, err := evaluate[string](p, `location.pathname + location.search + "\n" + f.text().slice(0, 3000)`)
	if err != nil {
		return err.Error()
	}
	return text
}

// show tells how the page looked when the test failed.
func (p *tab) show() {
	p.t.Log(p.summary())
	png, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		return
	}
	name := filepath.Join(os.TempDir(), "postrider-browser-"+strings.NewReplacer("/", "-", " ", "_").Replace(p.t.Name())+".png")
	if os.WriteFile(name, png, 0o600) == nil {
		p.t.Log("the page is shown by " + name)
	}
}

func quote(text string) string {
	quoted, _ := json.Marshal(text) //nolint:errchkjson // a string can be
	return string(quoted)
}
