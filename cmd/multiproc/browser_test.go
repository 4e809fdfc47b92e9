package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"multiproc/internal/proctest"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser is a Chromium with one page that shows one server. Any script error, console message, content policy violation or
// request to another host fails the test.
type browser struct {
	tb  testing.TB
	ctx context.Context // chromedp offers no other way
	url string          // of the server

	mu     sync.Mutex
	faults []string
}

// startBrowser starts a browser for a server. It skips the test if Chromium is missing.
func startBrowser(tb testing.TB, url string) *browser {
	tb.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		proctest.Missing(tb, "there is no chromium in PATH")
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(tb.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("no-proxy-server", true))
	ctx, stop := chromedp.NewExecAllocator(context.WithoutCancel(tb.Context()), options...)
	tb.Cleanup(stop)
	b := &browser{tb: tb, url: url}
	var closePage context.CancelFunc
	b.ctx, closePage = chromedp.NewContext(ctx, chromedp.WithListener(b.listen))
	tb.Cleanup(closePage)
	if err := chromedp.Do(b.ctx); err != nil { // the browser runs as long as this context
		tb.Fatal(err)
	}
	b.do(command(network.Enable, network.EnableParams{}), command(log.Enable, cdp.Empty{}), command(audits.Enable, cdp.Empty{}))
	return b
}

// listen receives chromedp's events.
func (b *browser) listen(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.fault("a script failed: %s: %s", e.ExceptionDetails.Text, e.ExceptionDetails.Exception.Description)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			b.fault("a script logs: %s", e.Args[0].Value)
		}
	case *log.EventEntryAdded:
		// Pages that report an error have such a status, which the browser logs. Other pages with it are caught below.
		if e.Entry.Source != log.EntrySourceNetwork && (e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning) {
			b.fault("the browser logs about %s: %s", e.Entry.URL, e.Entry.Text)
		}
	case *audits.EventIssueAdded:
		if e.Issue.Code == audits.InspectorIssueCodeContentSecurityPolicyIssue {
			b.fault("the policy of the content refused: %+v", e.Issue.Details.ContentSecurityPolicyIssueDetails)
		}
	case *network.EventRequestWillBeSent:
		own := strings.HasPrefix(e.Request.URL, b.url) || strings.HasPrefix(e.Request.URL, "data:") // the browser's own input elements
		if !own && !strings.HasPrefix(e.Request.URL, "about:") {
			b.fault("a request to another site: %s", e.Request.URL)
		}
	case *network.EventResponseReceived:
		if e.Type != network.ResourceTypeDocument && e.Response.Status >= 400 {
			b.fault("%d for %s", e.Response.Status, e.Response.URL)
		}
	}
}

func (b *browser) fault(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, fmt.Sprintf(format, args...))
}

// checkFaults fails the test for each fault that was seen.
func (b *browser) checkFaults() {
	b.tb.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, fault := range b.faults {
		b.tb.Error(fault)
	}
	b.faults = nil
}

// command makes an action of a browser command.
func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, c, params)
		return chromedp.Void{}, err
	}
}

// do runs actions in the page.
func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.tb.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, proctest.Patience)
	defer cancel()
	b.check(chromedp.Do(ctx, steps...))
}

// check ends the test on an error and prints the page.
func (b *browser) check(err error) {
	b.tb.Helper()
	if err != nil {
		page, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string]("location.href + '\\n' + document.body.innerText"))
		b.tb.Fatalf("%v at %s", err, page)
	}
}

// value evaluates an expression in the page.
func value[T any](b *browser, expression string) T {
	b.tb.Helper()
	return result(b, chromedp.Evaluate[T](expression))
}

// result runs an action in the page and returns its result.
func result[T any](b *browser, action chromedp.Action[T]) T {
	b.tb.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, proctest.Patience)
	defer cancel()
	v, err := chromedp.Run(ctx, action)
	b.check(err)
	return v
}

// open navigates to a page.
func (b *browser) open(path string) {
	b.tb.Helper()
	b.do(chromedp.Navigate(b.url + path))
}

// press clicks the button or link with this text and waits for the page that it leads to.
func (b *browser) press(text string) {
	b.tb.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, proctest.Patience)
	defer cancel()
	_, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.Search(
		fmt.Sprintf("//button[starts-with(normalize-space(), '%s')] | //a[starts-with(normalize-space(), '%[1]s')]", text))))
	b.check(err)
}

// fill replaces the content of a field.
func (b *browser) fill(name, text string) {
	b.tb.Helper()
	field := chromedp.CSS(fmt.Sprintf("main [name=%q]", name))
	b.do(chromedp.Clear(field), chromedp.SendKeys(field, text))
}

// choose selects the option with this text.
func (b *browser) choose(name, label string) {
	b.tb.Helper()
	chosen := value[bool](b, fmt.Sprintf(`(() => {
		const select = document.querySelector("main [name=%s]");
		const option = [...select.options].find((o) => o.label === %q);
		if (option) select.value = option.value;
		return Boolean(option);
	})()`, name, label))
	if !chosen {
		b.tb.Fatalf("%s cannot be %q", name, label)
	}
}

// mark clicks the element that a selector finds; the click does not navigate.
func (b *browser) mark(selector string) {
	b.tb.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector)))
}

// want fails the test unless the page contains each of these texts.
func (b *browser) want(texts ...string) {
	b.tb.Helper()
	page := b.text()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			b.tb.Fatalf("the page does not say %q:\n%s", text, page)
		}
	}
}

func (b *browser) text() string {
	b.tb.Helper()
	return value[string](b, "document.body.innerText")
}

func (b *browser) path() string {
	b.tb.Helper()
	return value[string](b, "location.pathname + location.search")
}

//go:embed testdata/page_check.js
var pageCheck string

// pictures returns the directory for screenshots; empty: none are taken.
func pictures() string { return os.Getenv("MULTIPROC_TEST_SCREENSHOTS") }

// look checks the page in light and dark, at desktop and phone width. Colours do not depend on the width, nor positions on
// the colours, so two of the four combinations are only for the screenshots. It ends at desktop width.
func (b *browser) look(name string) {
	b.tb.Helper()
	for _, look := range []struct {
		scheme, screen string
		width, height  int64
		pictureOnly    bool
	}{
		{"light", "phone", 390, 844, true},
		{"dark", "phone", 390, 844, false},
		{"dark", "wide", 1280, 800, true},
		{"light", "wide", 1280, 800, false},
	} {
		if look.pictureOnly && pictures() == "" {
			continue
		}
		b.do(command(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
			Width: look.width, Height: look.height, DeviceScaleFactor: 1,
		}), command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: look.scheme}},
		}))
		for _, fault := range value[[]string](b, pageCheck) {
			b.tb.Errorf("%s, %s, %s: %s", name, look.scheme, look.screen, fault)
		}
		b.picture(fmt.Sprintf("%s-%s-%s.png", name, look.scheme, look.screen))
	}
}

func (b *browser) picture(file string) {
	b.tb.Helper()
	if pictures() == "" {
		return
	}
	check(b.tb, os.WriteFile(filepath.Join(pictures(), file), result(b, chromedp.FullScreenshot(100)), 0o600))
}

//go:embed testdata/focus_check.js
var focusCheck string

// walk moves through the page with the Tab key: the focus must reach every control, in document order, and be visible.
func (b *browser) walk(name string) {
	b.tb.Helper()
	// The script records the focus while the keys are pressed: one query per key would take longer than everything else.
	tabs := value[int](b, focusCheck)
	tab := command(input.DispatchKeyEvent, input.DispatchKeyEventParams{
		Type: input.DispatchKeyEventTypeRawKeyDown, Key: "Tab", Code: "Tab", WindowsVirtualKeyCode: 9,
	})
	b.do(slices.Repeat([]chromedp.Action[chromedp.Void]{tab}, tabs)...)
	for _, fault := range value[[]string](b, "window.focusFaults()") {
		b.tb.Errorf("%s: %s", name, fault)
	}
}
