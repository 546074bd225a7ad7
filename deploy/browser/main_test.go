package browser

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"testing"

	"github.com/chromedp/chromedp"
	"go.uber.org/goleak"

	"github.com/postrider/postrider/shared/stack"
)

// root is the source tree, seen from here.
const root = "../.."

// settings of the system under test. A delivery that fails is tried once more, so
// that dead letters do not take long. Headers are kept of all attempts, so that pages
// show them wherever they can.
var settings = []string{"POSTRIDER_RETRY_SCHEDULE=1s", "POSTRIDER_LOG_LEVEL=warn", "POSTRIDER_KEEP_HEADERS=all"}

// What all tests share, made by TestMain.
var (
	system   *stack.Stack
	chromium context.Context
)

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := run(m)
	if err == nil && code == 0 {
		err = goleak.Find()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "browser:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	bin, err := os.MkdirTemp("", "postrider-browser-")
	if err != nil {
		return 1, fmt.Errorf("make folder for programs: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(bin)) }()
	if err := stack.BuildFrom(context.Background(), root, bin); err != nil {
		return 1, err
	}
	if system, err = stack.Temporary(context.Background(), "", stack.Options{Env: settings, Bin: bin, NoFsync: true}); err != nil {
		return 1, err
	}
	defer func() {
		http.DefaultClient.CloseIdleConnections()
		err = errors.Join(err, system.Stop())
	}()
	stop, err := startChromium()
	if err != nil {
		return 1, err
	}
	defer stop()
	return m.Run(), nil
}

// startChromium starts the browser in a profile that goes with it. Nothing in it
// calls home, so that a machine without a network needs no patience.
func startChromium() (stop func(), err error) {
	flags := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-domain-reliability", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
		chromedp.Flag("lang", "en-US"),
		chromedp.WindowSize(desktop.width, desktop.height),
	)
	if path := os.Getenv("CHROMIUM"); path != "" {
		flags = append(flags, chromedp.ExecPath(path))
	}
	allocator, end := chromedp.NewExecAllocator(context.Background(), flags...)
	chromium, _ = chromedp.NewContext(allocator) //nolint:fatcontext // it is how chromedp knows the browser
	if err := chromedp.Do(chromium); err != nil {
		end()
		return nil, fmt.Errorf("start Chromium (make chromium installs it): %w", err)
	}
	return end, nil
}
