package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

const password = "umbrella tractor violet saxophone pond"

// S7, S8, S9, S17, S36, S38: Frances adds a passkey, opens the wiki, and payroll without a new
// login. Each app is served because a policy permits it, and shows only what its token says.
func TestOneLoginByPasskeyOpensWhatPolicyPermits(t *testing.T) {
	w := demo(t)
	b := open(t).withPasskeys()
	b.goes(w.People["finance"].Enrol).clicks("#enrol-passkey")
	b.settles(w.Issuer)
	b.screenshot("enrolled")

	b.goes(w.Apps["wiki"] + "/")
	b.signsInByPasskey("#app-wiki")
	if audience := b.sees("#audience"); audience != w.Apps["wiki"] {
		t.Errorf("the wiki was given a token for %q", audience)
	}
	b.screenshot("wiki")

	b.goes(w.Apps["payroll"] + "/")
	if b.sees("#app-payroll"); b.sees("#acr") != "phr" || b.sees("#audience") != w.Apps["payroll"] {
		t.Errorf("payroll was told acr %q, audience %q", b.sees("#acr"), b.sees("#audience"))
	}
	b.screenshot("payroll")
}

// S3, S34, S35: Ada has only a password. The wiki serves her at the lowest acr; payroll refuses
// with a page that says what would help, and so does a policy that does not know her.
func TestAPasswordOpensTheWikiAndPayrollSaysWhatWouldHelp(t *testing.T) {
	w := demo(t)
	b := open(t)
	b.enrolsPassword(w.People["finance"])
	b.goes(w.Issuer + "/logout").clicks("#logout-confirm").sees("#logged-out")
	b.goes(w.Apps["wiki"]+"/").signsInByPassword(w.People["finance"].Login, "#app-wiki")
	if b.sees("#acr") != "aal1" {
		t.Errorf("a password alone is %q", b.sees("#acr"))
	}
	b.goes(w.Apps["payroll"] + "/")
	if text := strings.ToLower(b.sees("main")); !strings.Contains(text, "passkey") {
		t.Errorf("the page does not say what would help:\n%s", text)
	}
	b.screenshot("payroll-needs-a-passkey")
	if strings.HasPrefix(b.at(), w.Apps["payroll"]) && b.has("#app-payroll") > 0 {
		t.Error("payroll was served to a password")
	}
}

// S3, S8: Pablo is a partner. The wiki is not for him, whatever he proves.
func TestAPersonWithoutAPolicyIsRefused(t *testing.T) {
	w := demo(t)
	b := open(t)
	b.enrolsPassword(w.People["partner"])
	b.goes(w.Apps["wiki"]+"/").signsInByPassword(w.People["partner"].Login, "#error-page")
	b.screenshot("refused")
	b.goes(w.Apps["chat"] + "/")
	b.sees("#app-chat")
}

// S20, S36: an administrator ends Ada's session. Her chat closes, and her next request has to
// log in again. Nobody called the broker.
func TestEndingASessionClosesTheOpenChat(t *testing.T) {
	w := demo(t)
	b := open(t).withPasskeys()
	b.goes(w.People["engineer"].Enrol).clicks("#enrol-passkey")
	b.settles(w.Issuer)
	b.goes(w.Apps["chat"] + "/")
	b.signsInByPasskey("#app-chat")
	b.waitsFor("#status", "open")

	sessions := w.admin(http.MethodGet, "/sessions", nil)
	items, _ := sessions.json["items"].([]any)
	if len(items) == 0 {
		t.Fatalf("no session is listed: %d %s", sessions.status, sessions.text)
	}
	begun := time.Now()
	for _, item := range items {
		id, _ := item.(map[string]any)["id"].(string)
		if ended := w.admin(http.MethodDelete, "/sessions/"+id, nil); ended.status >= 300 {
			t.Fatalf("end the session: %d %s", ended.status, ended.text)
		}
	}
	b.waitsFor("#status", "closed (1008")
	t.Logf("session ended → chat closed in the browser: %s", time.Since(begun))
	b.goes(w.Apps["chat"] + "/")
	b.sees("#login-submit")
}

// S36, S38, S39: on the account page a person sees who they are, adds and removes passkeys, and
// ends sessions.
func TestTheAccountPage(t *testing.T) {
	w := demo(t)
	b := open(t).withPasskeys()
	b.goes(w.People["engineer"].Enrol).clicks("#enrol-passkey")
	b.settles(w.Issuer)
	b.goes(w.Account).signsInByPasskey("#sessions")
	if text := b.sees("main"); !strings.Contains(text, "Ada Byte") {
		t.Errorf("the account page does not say who she is:\n%s", text)
	}
	if b.has(".passkey") != 1 || b.has(".session") < 1 {
		t.Errorf("%d passkeys and %d sessions are shown", b.has(".passkey"), b.has(".session"))
	}
	b.screenshot("account")
	b.goes(w.Issuer + "/logout").clicks("#logout-confirm").sees("#logged-out")
	b.screenshot("logged-out")
	b.goes(w.Account).signsInByPasskey(".session.current")
	const current = `document.querySelector(".session.current").id`
	ended := ask(b, chromedp.Evaluate[string](current))
	b.clicks(".session.current .session-end")
	eventually(t, pageLimit, "the session leaves the page", func() bool { return b.has("#"+ended) == 0 })
	b.goes(w.Account).signsInByPasskey(".session.current")
	if again := ask(b, chromedp.Evaluate[string](current)); again == ended {
		t.Errorf("the session %s was ended and still serves", ended)
	}
}

func (b *browser) enrolsPassword(p person) {
	b.t.Helper()
	b.goes(p.Enrol).clicks("details > summary").types("#enrol-password", password).clicks("#enrol-password-submit")
	eventually(b.t, pageLimit, "the password is set", func() bool { return b.has("#enrol-password") == 0 && b.has("main") > 0 })
}

// signsInByPassword fills the login form in, if the browser is sent to one before target shows.
func (b *browser) signsInByPassword(login, target string) {
	b.t.Helper()
	b.sees("#login-submit, " + target)
	if b.has("#login-submit") > 0 {
		b.types("#username", login).types("#password", password).clicks("#login-submit")
	}
	b.sees(target)
}

// signsInByPasskey goes through the login page if the browser is there, until target shows. The
// authenticator may answer the page's autofill request before anybody presses the button.
func (b *browser) signsInByPasskey(target string) {
	b.t.Helper()
	eventually(b.t, pageLimit, "signed in and at "+target, func() bool {
		if b.has(target) > 0 {
			return true
		}
		_, _ = chromedp.Run(b.ctx, chromedp.Evaluate[bool](`document.querySelector("#passkey-login:not([disabled])")?.click() || true`))
		time.Sleep(100 * time.Millisecond)
		return false
	})
}

// settles waits until a page of the origin is loaded that asks for nothing more.
func (b *browser) settles(origin string) {
	b.t.Helper()
	eventually(b.t, pageLimit, "the enrolment is done", func() bool {
		return b.has("#enrol-passkey") == 0 && b.has("main") > 0 && strings.HasPrefix(b.at(), origin)
	})
}

func (b *browser) waitsFor(selector, prefix string) {
	b.t.Helper()
	eventually(b.t, pageLimit, selector+" says "+prefix, func() bool {
		return b.has(selector) > 0 && strings.HasPrefix(b.sees(selector), prefix)
	})
}
