package page

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"symbolon.dev"
	"symbolon.dev/internal/door"
)

const hostile = `"><script>alert(1)</script><a href='javascript:alert(1)'>`

func everyView() map[string]View {
	client := &Client{Name: hostile, Logo: "https://acme.example/l,o;g'o.png?x=1", Policy: "javascript:alert(1)", Terms: "https://acme.example/terms"}
	return map[string]View{
		"login":                    Login{Client: client, Step: hostile, Username: hostile, Fresh: true, Person: hostile, Password: true, Failure: hostile},
		"login without a password": Login{Client: client, Step: hostile},
		"strengthen":               Strengthen{Client: client, Step: hostile, Person: hostile},
		"missing":                  Missing{Client: client, Person: hostile, RequestID: hostile},
		"broken link":              BrokenLink{Why: hostile, RequestID: hostile},
		"enrol":                    Enrol{Token: hostile, Person: hostile, Username: hostile, MinLength: 15, Failure: hostile},
		"consent":                  Consent{Client: client, Step: hostile, Person: hostile, Resource: hostile, Scopes: []Scope{{hostile, hostile}, {hostile, ""}}},
		"logout":                   Logout{Client: client, Person: hostile, Hidden: map[string]string{hostile: hostile}},
		"logged out":               LoggedOut{},
		"account": Account{Person: hostile, Username: hostile, Email: hostile, Organisation: hostile, Department: hostile, Notice: hostile,
			Passkeys: []Passkey{{ID: hostile, Name: hostile}, {Only: true}}, Sessions: []Session{{ID: hostile, Agent: hostile}, {Current: true}}},
		"error": Problem{Title: hostile, Detail: hostile, Help: hostile, RequestID: hostile, Policies: []string{hostile},
			Actions: []Action{{hostile, hostile, "javascript:alert(1)"}}},
		"leave":          leave{To: "javascript:alert(1)"},
		"device":         Device{Code: hostile, Failure: hostile},
		"device confirm": DeviceConfirm{Client: client, Ref: hostile, Person: hostile, Code: hostile, Wants: []Wants{{hostile, false, []Scope{{hostile, hostile}}}}},
		"device done":    DeviceDone{Client: client, Allowed: true},
		"device denied":  DeviceDone{Client: client},
		"device code":    drawn(DeviceCode{Address: hostile, Code: hostile}),
		"approve": Approve{Person: hostile, Notice: hostile, Questions: []Question{
			{Client: client, Ref: hostile, Binding: hostile, Strong: true, Wants: []Wants{{hostile, true, nil}}}}},
		"nothing to approve": Approve{Person: hostile},
	}
}

func drawn(v DeviceCode) DeviceCode {
	if err := v.Draw(hostile); err != nil {
		panic(err)
	}
	return v
}

func shown(view View) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	Show(w, http.StatusOK, view)
	return w
}

var (
	inline  = regexp.MustCompile(`(?i)<script(?: |>)[^>]*>[^<]|<style|\sstyle=|\son[a-z]+=`)
	element = regexp.MustCompile(`\sid="([^"]*)"`)
)

func TestNothingThatAPageIsToldBecomesPartOfIt(t *testing.T) {
	for name, view := range everyView() {
		w := shown(view)
		body := w.Body.String()
		if w.Code != http.StatusOK {
			t.Errorf("%s: status %d: %s", name, w.Code, body)
		}
		if strings.Contains(body, "<script>") || strings.Contains(body, `"javascript:`) || inline.MatchString(body) {
			t.Errorf("%s: carries what it was told as markup, or anything inline:\n%s", name, body)
		}
		if !strings.Contains(body, `<html lang="en">`) || !strings.Contains(body, "<h1>") {
			t.Errorf("%s: has no language or no heading", name)
		}
	}
}

func TestEveryPageCarriesTheHeadersOfAPage(t *testing.T) {
	for name, view := range everyView() {
		h := shown(view).Header()
		for header, want := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin", "Content-Type": "text/html; charset=utf-8",
		} {
			if h.Get(header) != want {
				t.Errorf("%s: %s is %q, not %q", name, header, h.Get(header), want)
			}
		}
		policy := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'", "style-src 'self'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy lacks %s: %s", name, want, policy)
			}
		}
		if strings.Contains(policy, "unsafe") {
			t.Errorf("%s: unsafe policy: %s", name, policy)
		}
	}
}

func TestOnlyTheClientsLogoMayComeFromElsewhere(t *testing.T) {
	for logo, want := range map[string]string{
		"":                              "img-src 'self';",
		"https://acme.example/logo.png": "img-src 'self' https://acme.example/logo.png;",
		"https://acme.example/l,o;g'o.png?size=1":    "img-src 'self' https://acme.example/l%2Co%3Bg%27o.png;",
		"javascript:alert(1)":                        "img-src 'self';",
		"data:image/svg+xml,<svg/>":                  "img-src 'self';",
		"/logo.png":                                  "img-src 'self';",
		"https://*/x":                                "img-src 'self';",
		"https://a.example;script-src https://b/":    "img-src 'self';",
		"https://a.example/;%20script-src%20'x'/y":   "img-src 'self' https://a.example/%3B%20script-src%20%27x%27/y;",
		"https://a.example/ ; script-src https://b/": "img-src 'self' https://a.example/%20%3B%20script-src%20https://b/;",
	} {
		policy := shown(Login{Client: &Client{Name: "Acme", Logo: logo}}).Header().Get("Content-Security-Policy")
		if !strings.Contains(policy, want) || strings.Count(policy, "script-src") != 1+strings.Count(logo, "script-src")*strings.Count(want, "script-src") {
			t.Errorf("logo %q: %s", logo, policy)
		}
	}
}

func TestPagesKeepTheirContractOfIds(t *testing.T) {
	client := &Client{Name: "Acme", Logo: "https://a.example/l.png", Policy: "https://a.example/p", Terms: "https://a.example/t"}
	for name, want := range map[string]struct {
		view View
		ids  string
	}{
		"login":      {Login{Client: client, Password: true}, "username password login-submit passkey-login client-logo client-policy client-tos failure"},
		"strengthen": {Strengthen{Client: client}, "passkey-login client-logo"},
		"enrol":      {Enrol{}, "enrol-passkey enrol-password enrol-password-submit"},
		"consent":    {Consent{Client: client}, "consent-allow consent-deny client-logo client-policy client-tos"},
		"logout":     {Logout{}, "logout-confirm"},
		"loggedout":  {LoggedOut{}, "logged-out"},
		"account":    {Account{Sessions: make([]Session, 2)}, "passkey-add sessions-end-all"},
		"missing":    {Missing{RequestID: "req_1"}, "error-page error-reference add-passkey"},
		"brokenlink": {BrokenLink{RequestID: "req_1"}, "error-page error-reference"},
		"error":      {Problem{RequestID: "req_1"}, "error-page error-reference error-help"},
		"device":     {Device{}, "user-code device-continue failure"},
		"confirm":    {DeviceConfirm{Client: client}, "device-allow device-deny device-code client-logo"},
		"allowed":    {DeviceDone{Client: client, Allowed: true}, "device-allowed"},
		"denied":     {DeviceDone{Client: client}, "device-denied"},
		"code":       {drawn(DeviceCode{}), "device-code"},
		"nothing":    {Approve{Notice: "allowed"}, "nothing-waits notice"},
	} {
		ids := map[string]bool{}
		for _, found := range element.FindAllStringSubmatch(shown(want.view).Body.String(), -1) {
			ids[found[1]] = true
		}
		for id := range strings.FieldsSeq(want.ids) {
			if !ids[id] {
				t.Errorf("%s has no #%s", name, id)
			}
		}
	}
}

func TestLoginWithoutPasswordPathOffersNoForm(t *testing.T) {
	if body := shown(Login{Client: &Client{Name: "Payroll"}}).Body.String(); strings.Contains(body, "<form") || !strings.Contains(body, "<noscript>") {
		t.Error("a login that a password cannot meet has a form, or says nothing to a browser without script")
	}
}

func TestLeaveEndsTheNavigationOfABrowsersForm(t *testing.T) {
	const to = "/authorize?client_id=a&redirect_uri=https%3A%2F%2Fapp.example%2Fcb"
	for name, c := range map[string]struct {
		method, origin  string
		status          int
		header, headers string
	}{
		"browser form": {http.MethodPost, "https://id.example", http.StatusOK, "Refresh", "0; url=" + to},
		"no browser":   {http.MethodPost, "", http.StatusSeeOther, "Location", to},
		"no form":      {http.MethodGet, "", http.StatusSeeOther, "Location", to},
	} {
		r := httptest.NewRequest(c.method, "/login", nil)
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		w := httptest.NewRecorder()
		Leave(w, r, to)
		if w.Code != c.status || w.Header().Get(c.header) != c.headers {
			t.Errorf("%s: %d %v", name, w.Code, w.Header())
		}
	}
}

func TestCrossingTellsWhyAndHowToGoOnButNotTheCause(t *testing.T) {
	refusal := symbolon.Errorf(symbolon.Denied, "payroll is not for you").Because(http.ErrBodyNotAllowed)
	refusal.Remedies = []symbolon.Remedy{{ACR: symbolon.ACRPhishing, MaxAge: 300}}
	refusal.Policies = []string{"payroll-only"}
	w := httptest.NewRecorder()
	Crossing(w, nil, &door.Event{RequestID: "req_42"}, refusal)
	body := w.Body.String()
	for _, want := range []string{`id="error-page"`, "Payroll is not for you.", "passkey", "5 minutes", "req_42"} {
		if !strings.Contains(body, want) {
			t.Errorf("lacks %q", want)
		}
	}
	if w.Code != http.StatusForbidden || strings.Contains(body, http.ErrBodyNotAllowed.Error()) || strings.Contains(body, "payroll-only") {
		t.Errorf("%d, or tells the cause or the policy: %s", w.Code, body)
	}
}

func TestAssetsAreNamedByTheirContentAndKeptForEver(t *testing.T) {
	for path := range assets {
		w := httptest.NewRecorder()
		Assets().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != http.StatusOK || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") || w.Body.Len() == 0 {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
	for _, path := range []string{AssetsPath, AssetsPath + "style.css", AssetsPath + "../page.go", "/x"} {
		w := httptest.NewRecorder()
		Assets().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != http.StatusNotFound || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
	w := httptest.NewRecorder()
	Assets().ServeHTTP(w, httptest.NewRequest(http.MethodPost, stylePath, nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
}

func BenchmarkShow(b *testing.B) {
	view := Login{Client: &Client{Name: "Payroll"}, Password: true}
	for b.Loop() {
		Show(httptest.NewRecorder(), http.StatusOK, view)
	}
}
