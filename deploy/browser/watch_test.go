package browser

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
)

// watch sees what a page does beside showing itself. Everything that it calls a
// fault, a page should never do, whatever it was given to show.
type watch struct {
	base    string         // where all that it loads must be from
	dismiss func()         // closes a dialog
	dialogs sync.WaitGroup // that are being closed

	mu      sync.Mutex
	at      string                          // the page
	seen    []string                        // faults
	allowed []string                        // parts of those that the test provokes
	names   map[network.RequestID]string    // the path that was asked for
	loading map[network.RequestID]bool      // those that a page waits for
	asked   map[string]network.ResourceType // every path that was asked for, and what for
	bytes   map[string]int64                // by such a path
	status  int64                           // of the page
	headers map[string]string
}

func newWatch(base string) *watch {
	return &watch{base: base, names: map[network.RequestID]string{}, loading: map[network.RequestID]bool{}, asked: map[string]network.ResourceType{}, bytes: map[string]int64{}}
}

// event is called by the browser, in order.
func (w *watch) event(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		w.request(e)
	case *network.EventResponseReceived:
		w.response(e)
	case *network.EventRequestServedFromCache:
		delete(w.loading, e.RequestID)
	case *network.EventLoadingFinished:
		w.bytes[w.names[e.RequestID]] += int64(e.EncodedDataLength)
		delete(w.loading, e.RequestID)
	case *network.EventLoadingFailed:
		if !e.Canceled && e.BlockedReason != "" {
			w.fault("blocked: %s %s", w.names[e.RequestID], e.BlockedReason)
		}
		delete(w.loading, e.RequestID)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning || e.Entry.Source == log.EntrySourceSecurity {
			w.fault("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *runtime.EventConsoleAPICalled:
		w.fault("console.%s: %s", e.Type, described(e.Args))
	case *runtime.EventExceptionThrown:
		w.fault("exception: %s", e.ExceptionDetails.Exception.Description)
	case *page.EventJavascriptDialogOpening:
		w.fault("dialog: %s", e.Message)
		w.dialogs.Go(w.dismiss) // or the page stands still
	case *page.EventWindowOpen:
		w.fault("opens a window: %s", e.URL)
	}
}

func (w *watch) request(e *network.EventRequestWillBeSent) {
	url := e.Request.URL
	if e.Type == network.ResourceTypeDocument {
		w.at = url
		clear(w.loading) // nobody waits any more for what the page before asked for
	}
	w.names[e.RequestID] = strings.TrimPrefix(url, w.base)
	switch e.Type {
	case network.ResourceTypeDocument, network.ResourceTypeScript, network.ResourceTypeStylesheet, network.ResourceTypeXHR, network.ResourceTypeFetch:
		w.loading[e.RequestID] = true // of the others, the icon among them, not every end is told of
	default:
	}
	w.asked[strings.TrimPrefix(url, w.base)] = e.Type
	if !strings.HasPrefix(url, w.base+"/") && !strings.HasPrefix(url, "data:") && url != "about:blank" {
		w.fault("loads from elsewhere: %s", url)
	}
}

func (w *watch) response(e *network.EventResponseReceived) {
	if e.Type == network.ResourceTypeDocument {
		w.status = e.Response.Status
		w.headers = map[string]string{}
		for name, value := range e.Response.Headers {
			w.headers[strings.ToLower(name)] = fmt.Sprint(value)
		}
	}
}

func described(arguments []*runtime.RemoteObject) string {
	var words []string
	for _, a := range arguments {
		words = append(words, strings.Trim(string(a.Value), `"`)+a.Description)
	}
	return strings.Join(words, " ")
}

func (w *watch) fault(format string, args ...any) {
	w.seen = append(w.seen, strings.TrimPrefix(w.at, w.base)+": "+fmt.Sprintf(format, args...))
}

// allow says that the test will provoke something, and by which words it is known.
func (w *watch) allow(words ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.allowed = append(w.allowed, words...)
}

// faults is what was seen and not allowed.
func (w *watch) faults() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.seen), func(fault string) bool {
		return slices.ContainsFunc(w.allowed, func(words string) bool { return strings.Contains(fault, words) })
	})
}

// underway is what the page waits for.
func (w *watch) underway() (paths []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id := range w.loading {
		paths = append(paths, w.names[id])
	}
	return paths
}

// weight is how many bytes came over the wire since the tab was opened, with headers.
func (w *watch) weight() (total int64, parts map[string]int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.bytes {
		total += n
	}
	return total, maps.Clone(w.bytes)
}

// answer is the status of the page and its headers, with names in lower case.
func (w *watch) answer() (status int64, headers map[string]string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.status, maps.Clone(w.headers)
}

// paths is all that was asked for since the tab was opened, and what for.
func (w *watch) paths() map[string]network.ResourceType {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.asked)
}
