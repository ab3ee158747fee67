package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// browser is one person's Chromium with a profile of its own.
type browser struct {
	t   *testing.T
	ctx context.Context
}

const pageLimit = 30 * time.Second

func open(t *testing.T) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium(t)), chromedp.Headless,
		chromedp.NoSandbox, chromedp.WindowSize(1280, 900))
	allocator, cancelAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(func() { cancel(); cancelAllocator() })
	// The first call starts the browser, which lives as long as that call's context.
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	return &browser{t, ctx}
}

func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("no Chromium found; scripts/setup installs it")
	return ""
}

func (b *browser) run(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ask(b, chromedp.Steps(steps...))
}

// ask runs one action and gives its value; a failure shows where the browser was.
func ask[T any](b *browser, action chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, pageLimit)
	defer cancel()
	value, err := chromedp.Run(ctx, action)
	if err != nil {
		b.screenshot("failure")
		where, _ := chromedp.Run(b.ctx, chromedp.Location())
		body, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body.innerText"))
		b.t.Fatalf("%v\nat %s\n%s", err, where, body)
	}
	return value
}

// withPasskeys plugs a virtual authenticator in: a platform one with user verification.
func (b *browser) withPasskeys() *browser {
	b.t.Helper()
	b.run(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		if _, err := cdp.Call(ctx, target, webauthn.Enable, webauthn.EnableParams{}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, target, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
			Options: &webauthn.VirtualAuthenticatorOptions{Protocol: webauthn.AuthenticatorProtocolCtap2,
				Transport: webauthn.AuthenticatorTransportInternal, HasResidentKey: true, HasUserVerification: true,
				IsUserVerified: true, AutomaticPresenceSimulation: true}})
		return err
	}))
	return b
}

func (b *browser) goes(url string) *browser {
	b.t.Helper()
	b.run(chromedp.Navigate(url))
	return b
}

func (b *browser) clicks(selector string) *browser {
	b.t.Helper()
	b.run(chromedp.WaitVisible(chromedp.CSS(selector)), chromedp.Click(chromedp.CSS(selector)))
	return b
}

func (b *browser) types(selector, text string) *browser {
	b.t.Helper()
	b.run(chromedp.WaitVisible(chromedp.CSS(selector)), chromedp.SendKeys(chromedp.CSS(selector), text))
	return b
}

// sees waits for an element and gives its text.
func (b *browser) sees(selector string) string {
	b.t.Helper()
	b.run(chromedp.WaitVisible(chromedp.CSS(selector)))
	return strings.TrimSpace(ask(b, chromedp.Text(chromedp.CSS(selector))))
}

func (b *browser) at() string {
	b.t.Helper()
	return ask(b, chromedp.Location())
}

// has counts what is on the page now; a page that is just being left has nothing.
func (b *browser) has(selector string) int {
	b.t.Helper()
	quoted, _ := json.Marshal(selector)
	ctx, cancel := context.WithTimeout(b.ctx, pageLimit)
	defer cancel()
	count, err := chromedp.Run(ctx, chromedp.Evaluate[int](fmt.Sprintf("document.querySelectorAll(%s).length", quoted)))
	if err != nil {
		return 0
	}
	return count
}

// screenshot keeps a picture where SYMBOLON_TEST_SCREENSHOTS names a directory.
func (b *browser) screenshot(name string) {
	dir := os.Getenv("SYMBOLON_TEST_SCREENSHOTS")
	if dir == "" {
		return
	}
	if picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100)); err == nil {
		file := filepath.Join(dir, strings.NewReplacer("/", "-", " ", "-").Replace(b.t.Name()+"-"+name)+".png")
		_ = os.WriteFile(file, picture, 0o600)
	}
}
