package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// S14: npm openid-client and oauth4webapi, as a television and as a service desk, get tokens because
// Ada allows it in her own browser: by the code on the screen, and on the page of what waits for her.
func TestAPersonAllowsADeviceAndAServiceDesk(t *testing.T) {
	w := demo(t)
	b := open(t).withPasskeys()
	b.goes(w.People["engineer"].Enrol).clicks("#enrol-passkey")
	b.settles(w.Issuer)

	command := exec.Command("node", "elsewhere.mjs")
	command.Dir = absolute(t, "clients")
	command.Stdin = strings.NewReader(string(w.ready))
	var errors strings.Builder
	command.Stderr = &errors
	out := must[interface{ Read([]byte) (int, error) }](t)(command.StdoutPipe())
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	for scanner := bufio.NewScanner(out); scanner.Scan(); {
		var now struct{ Open, Code, Approve, Binding string }
		if err := json.Unmarshal(scanner.Bytes(), &now); err != nil {
			t.Fatalf("%s", scanner.Bytes())
		}
		switch {
		case now.Open != "":
			b.allowsDevice(w, now.Open, now.Code)
		case now.Approve != "":
			b.goes(now.Approve)
			b.narrow("approve")
			if text := b.sees(".question"); !strings.Contains(text, now.Binding) || !strings.Contains(text, "Service desk") {
				t.Fatalf("she is not told what she allows:\n%s", text)
			}
			b.clicks(".question-allow")
			b.sees("#notice")
		}
	}
	if err := command.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, errors.String())
	}
}

func (b *browser) allowsDevice(w *world, address, code string) {
	b.t.Helper()
	b.goes(w.Issuer + "/device/qr?user_code=" + code)
	b.narrow("device-qr")
	b.goes(address)
	b.narrow("device")
	b.clicks("#device-continue")
	if shown := b.sees("#device-code"); shown != code {
		b.t.Fatalf("the page shows %q, the device %q", shown, code)
	}
	b.narrow("device-confirm")
	b.clicks("#device-allow")
	b.sees("#device-allowed")
	b.narrow("device-allowed")
}

// narrow looks at a page as a small telephone shows it, by day and by night: nothing may stick out.
func (b *browser) narrow(name string) {
	b.t.Helper()
	b.run(chromedp.EmulateViewport(320, 640))
	if over := ask(b, chromedp.Evaluate[int]("document.documentElement.scrollWidth - window.innerWidth")); over > 0 {
		b.t.Errorf("%s: %d pixels too wide", name, over)
	}
	b.screenshot(name)
	b.prefers("dark")
	b.screenshot(name + "-dark")
	b.prefers("")
	b.run(chromedp.ResetViewport())
}

func (b *browser) prefers(scheme string) {
	b.t.Helper()
	b.run(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		return err
	}))
}
