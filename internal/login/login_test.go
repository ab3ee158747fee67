package login

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/policy"
	"symbolon.dev/internal/session"
)

func TestPasswordAloneSignsInAtTheLowestClassWithoutScript(t *testing.T) { // S33, S35
	h := open(t)
	h.person("ada")
	b, step := h.browser(), h.step(session.Step{Client: "travel"})
	b.get("/login?step="+step).has(http.StatusOK, `id="username"`, `id="password"`, `id="login-submit"`, "Acme Travel",
		`id="client-logo"`, `id="client-policy"`, `id="client-tos"`, step)
	b.password("ada", goodPassword, step).has(http.StatusOK).leadsTo("/authorize?client_id=travel&state=x")
	if s := b.session(); s == nil || s.ACR != symbolon.ACRSingle || s.Agent == "" {
		t.Fatalf("session %+v", s)
	}
	plain := h.browser().post("/login", url.Values{"username": {"ada"}, "password": {goodPassword}, "step": {step}}, "Origin", "", "Sec-Fetch-Site", "")
	plain.has(http.StatusSeeOther).leadsTo("/authorize?client_id=travel&state=x")
}

func TestPasskeyAloneIsPhishingResistant(t *testing.T) { // S38, S39
	h := open(t)
	device := h.passkey(h.person("ada"))
	b, step := h.browser(), h.step(session.Step{Client: "travel", ACR: symbolon.ACRPhishing})
	if shown := b.get("/login?step="+step).has(http.StatusOK, `id="passkey-login"`); strings.Contains(shown.Body, `id="login-submit"`) {
		t.Error("offers a password that cannot be enough")
	}
	if done, to := b.touch(device, step); done.Status != http.StatusOK || to != "/authorize?client_id=travel&state=x" {
		t.Fatalf("%d %s %s", done.Status, to, done.Body)
	}
	if s := b.session(); s == nil || s.ACR != symbolon.ACRPhishing {
		t.Fatalf("session %+v", s)
	}
}

func TestAPasswordDoesNotGoWhereItIsNotEnough(t *testing.T) { // S34
	h := open(t)
	h.person("ada")
	b, step := h.browser(), h.step(session.Step{Client: "travel", ACR: symbolon.ACRPhishing})
	b.password("ada", goodPassword, step).has(http.StatusSeeOther).leadsTo("/login?step=" + step)
	if b.session() != nil {
		t.Error("there is a session")
	}
}

func TestStepUpAsksOnlyForTheMissingFactorOfTheSamePerson(t *testing.T) { // S34
	h := open(t)
	ada, eve := h.person("ada"), h.person("eve")
	hers, other := h.passkey(ada), h.passkey(eve)
	b := h.browser()
	b.password("ada", goodPassword, "").leadsTo("/account")
	before := b.session()
	h.pass(time.Minute)
	step := h.step(session.Step{Client: "broker", Resource: "payroll", ACR: symbolon.ACRPhishing})
	if shown := b.get("/login?step="+step).has(http.StatusOK, "Payroll needs a passkey", "ADA", `id="passkey-login"`); strings.Contains(shown.Body, `id="password"`) {
		t.Error("asks for the password again")
	}
	if done, to := b.touch(other, step); done.Status == http.StatusOK || to != "" {
		t.Fatalf("somebody else's passkey raised the session: %s", done.Body)
	}
	if done, to := b.touch(hers, step); done.Status != http.StatusOK || !strings.HasPrefix(to, "/authorize") {
		t.Fatalf("%d %s", done.Status, done.Body)
	}
	after := b.session()
	if after.ID != before.ID || after.ACR != symbolon.ACRPhishing || after.Secret == before.Secret || !after.AuthTime.After(before.AuthTime) {
		t.Errorf("before %+v after %+v", before, after)
	}
	b.get("/login?step=" + step).leadsTo("/authorize?client_id=travel&state=x")
}

func TestWhoHasNoPasskeyIsToldWhatWouldHelp(t *testing.T) { // S34
	h := open(t)
	h.person("ada")
	b := h.browser()
	b.password("ada", goodPassword, "")
	shown := b.get("/login?step=" + h.step(session.Step{Client: "broker", Resource: "payroll", ACR: symbolon.ACRPhishing}))
	shown.has(http.StatusForbidden, `id="error-page"`, "Payroll needs a passkey", `id="add-passkey"`, "/account", `id="error-reference"`)
}

func TestFreshAuthenticationIsAskedOfASessionToo(t *testing.T) { // S36
	h := open(t)
	h.person("ada")
	b := h.browser()
	b.password("ada", goodPassword, "")
	before := b.session()
	h.pass(10 * time.Minute)
	step := h.step(session.Step{Client: "travel", Prompt: []string{"login"}})
	b.get("/login?step="+step).has(http.StatusOK, "Is it still you?", `value="ada"`, `id="password"`)
	b.password("ada", "not the password at all", step).has(http.StatusForbidden, `id="failure"`)
	if s := b.session(); !s.AuthTime.Equal(before.AuthTime) {
		t.Error("a wrong password made the session fresh")
	}
	b.password("ada", goodPassword, step).has(http.StatusOK)
	if s := b.session(); s.ID != before.ID || !s.AuthTime.Equal(h.now) {
		t.Errorf("session %+v", s)
	}
}

func TestAPasswordDoesNotMakeAnOldPasskeyLookFresh(t *testing.T) { // S34
	h := open(t)
	device := h.passkey(h.person("ada"))
	b := h.browser()
	if _, to := b.touch(device, ""); to != "/account" || b.session().ACR != symbolon.ACRPhishing {
		t.Fatalf("the passkey leads to %q", to)
	}
	h.pass(10 * time.Minute)
	b.password("ada", goodPassword, h.step(session.Step{Client: "travel", Prompt: []string{"login"}})).has(http.StatusOK)
	if s := b.session(); s.ACR != symbolon.ACRSingle {
		t.Errorf("a password left the session at %q", s.ACR)
	}
}

func TestEveryLoginMakesANewSecret(t *testing.T) { // session fixation
	h := open(t)
	h.person("ada")
	victim, attacker := h.browser(), h.browser()
	h.person("eve")
	attacker.password("eve", goodPassword, "")
	planted := attacker.cookies()
	victim.client.Jar.SetCookies(must(url.Parse(issuer))(t), planted)
	victim.password("ada", goodPassword, "")
	if victim.cookies()[0].Value == planted[0].Value {
		t.Fatal("the planted secret lives on")
	}
	if attacker.session() != nil {
		t.Error("the session that the browser had before is still alive")
	}
	first := victim.cookies()[0].Value
	h.pass(time.Second)
	victim.password("ada", goodPassword, h.step(session.Step{Prompt: []string{"login"}, ReturnTo: "/account"}))
	if victim.cookies()[0].Value == first {
		t.Error("a second login keeps the secret")
	}
	if cookie := victim.get("/login"); cookie.Header.Get("Set-Cookie") != "" {
		t.Error("a page sets a cookie")
	}
}

func TestNobodyLearnsWhetherALoginExists(t *testing.T) { // user enumeration
	h := open(t)
	h.person("ada")
	off := h.person("off")
	h.ok(h.people.Disable(t.Context(), off.ID, "admin", "gone", "req_t"))
	wrong := func(login string) seen {
		s := h.browser().password(login, "this is not the password", "")
		s.Body = strings.ReplaceAll(s.Body, `value="`+login+`"`, "")
		s.Header.Del("X-Request-Id")
		return s
	}
	known := wrong("ada")
	for _, login := range []string{"nobody", "off", "ada "} {
		if other := wrong(login); other.Status != known.Status || other.Body != known.Body || len(other.Header) != len(known.Header) {
			t.Errorf("%q: %d %s\nnot %d %s", login, other.Status, other.Body, known.Status, known.Body)
		}
	}
}

func TestManyFailuresMakeTheNextTryWait(t *testing.T) { // S35
	h := open(t)
	device := h.passkey(h.person("ada"))
	b := h.browser()
	last := seen{}
	for range 12 {
		if last = b.password("ada", "this is not the password", ""); last.Status == http.StatusTooManyRequests {
			break
		}
	}
	last.has(http.StatusTooManyRequests, `id="failure"`)
	if last.Header.Get("Retry-After") == "" {
		t.Error("does not say how long")
	}
	if done, _ := b.touch(device, ""); done.Status != http.StatusOK {
		t.Errorf("the passkey is locked out too: %s", done.Body)
	}
}

func TestFormsOfOtherSitesAreRefused(t *testing.T) { // CSRF
	h := open(t)
	ada := h.person("ada")
	link := h.link(ada)
	for name, headers := range map[string][]string{
		"cross-site":  {"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"},
		"same-site":   {"Sec-Fetch-Site", "same-site", "Origin", "http://wiki.localhost"},
		"old browser": {"Sec-Fetch-Site", "", "Origin", "https://evil.example"},
		"null origin": {"Sec-Fetch-Site", "", "Origin", "null"},
		"other port":  {"Sec-Fetch-Site", "", "Origin", "http://id.localhost:81"},
	} {
		b := h.browser()
		b.post("/login", url.Values{"username": {"ada"}, "password": {goodPassword}}, headers...).has(http.StatusForbidden, `id="error-page"`)
		b.post("/enrol", url.Values{"token": {link}, "password": {goodPassword}}, headers...).has(http.StatusForbidden)
		b.post("/consent", url.Values{"answer": {"allow"}}, headers...).has(http.StatusForbidden)
		for _, path := range []string{"/login/passkey/begin", "/login/passkey/finish", "/enrol/passkey/begin", "/enrol/passkey/finish"} {
			answer, _ := b.call(path, map[string]string{}, headers...)
			answer.has(http.StatusForbidden)
		}
		if b.session() != nil {
			t.Errorf("%s: signed in", name)
		}
	}
	b := h.browser()
	b.send(http.MethodPost, "/login/passkey/begin", "text/plain", "{}").has(http.StatusBadRequest)
}

func TestNothingInARequestSaysWhereToGo(t *testing.T) { // open redirect
	h := open(t)
	h.person("ada")
	for _, query := range []string{"next=https://evil.example", "ReturnTo=https://evil.example", "return_to=//evil.example", "redirect_uri=https://evil.example"} {
		b := h.browser()
		b.send(http.MethodPost, "/login?"+query, "application/x-www-form-urlencoded",
			url.Values{"username": {"ada"}, "password": {goodPassword}}.Encode()).leadsTo("/account")
	}
	for _, step := range []string{"x", "https://evil.example", strings.Repeat("A", 7000), h.step(session.Step{})[1:]} {
		h.browser().get("/login?"+url.Values{"step": {step}}.Encode()).has(http.StatusBadRequest, `id="error-page"`)
		h.browser().password("ada", goodPassword, step).has(http.StatusBadRequest, `id="error-page"`)
	}
	old := h.step(session.Step{})
	h.pass(2 * time.Hour)
	h.browser().get("/login?step="+old).has(http.StatusBadRequest, `id="error-page"`)
}

func TestPolicyDecidesEveryLogin(t *testing.T) { // S4, S5
	h := open(t)
	device := h.passkey(h.person("ada"))
	h.decide = func(u *symbolon.User, client symbolon.ClientID, acr symbolon.ACR, amr []string) policy.Decision {
		switch {
		case u.Login != "ada" || len(amr) == 0 || client == "broker":
			return policy.Decision{Effect: policy.Deny, Policies: []string{"no-broker"}}
		case client == "hopeless":
			return policy.Decision{Effect: policy.Challenge, Remedies: []symbolon.Remedy{{ACR: symbolon.ACRSingle, MaxAge: 1}}}
		case client == "travel" && !acr.Meets(symbolon.ACRPhishing):
			return policy.Decision{Effect: policy.Challenge, Remedies: []symbolon.Remedy{{ACR: symbolon.ACRPhishing}}}
		}
		return policy.Decision{Effect: policy.Allow}
	}
	b := h.browser()
	refused := b.password("ada", goodPassword, h.step(session.Step{Client: "broker"}))
	refused.has(http.StatusForbidden, `id="error-page"`, refused.Header.Get("X-Request-Id"))
	if strings.Contains(refused.Body, "no-broker") || b.session() != nil {
		t.Errorf("tells the policy, or leaves a session: %s", refused.Body)
	}
	h.browser().password("ada", goodPassword, h.step(session.Step{Client: "hopeless"})).has(http.StatusForbidden, `id="error-page"`)
	challenged := b.password("ada", goodPassword, h.step(session.Step{Client: "travel"}))
	if !strings.HasPrefix(challenged.way(), "/login?step=") {
		t.Fatalf("a challenge leads to %q", challenged.way())
	}
	b.get(challenged.way()).has(http.StatusOK, "Acme Travel needs a passkey")
	step := must(url.Parse(challenged.way()))(t).Query().Get("step")
	if _, to := b.touch(device, step); !strings.HasPrefix(to, "/authorize") {
		t.Errorf("after the missing factor the way leads to %q", to)
	}
}

func TestPagesOfALoginCarryAStrictPolicy(t *testing.T) {
	h := open(t)
	csp := h.browser().get("/login").Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "form-action 'self'", "frame-ancestors 'none'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("lacks %s: %s", want, csp)
		}
	}
	h.browser().get("/login/nowhere").has(http.StatusNotFound, `id="error-page"`)
}
