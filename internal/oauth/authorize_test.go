package oauth_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/session"
)

// page fails unless an error page was shown, on our own origin.
func (b *browser) page(v url.Values) {
	b.t.Helper()
	rec := b.get("/authorize?" + v.Encode())
	if rec.Code != http.StatusBadRequest || rec.Header().Get("Location") != "" || !strings.Contains(rec.Body.String(), `id="error-page"`) {
		b.t.Fatalf("want an error page, got %d to %q", rec.Code, rec.Header().Get("Location"))
	}
}

// S17: nothing that is not certainly the client's is ever redirected to.
func TestErrorsBeforeTheRedirectIsCertainAreAPage(t *testing.T) {
	w := newWorld(t)
	b := w.browser().login(symbolon.ACRSingle)
	for name, v := range map[string]url.Values{
		"no client":               request("client_id", ""),
		"unknown client":          request("client_id", "nobody"),
		"markup for a client":     request("client_id", "<script>alert(1)</script>"),
		"disabled client":         request("client_id", "off", "redirect_uri", "https://off.example/cb"),
		"open redirect":           request("redirect_uri", "https://evil.example/cb"),
		"another client's":        request("redirect_uri", webCB),
		"path below":              request("redirect_uri", "https://first.example/cb/x"),
		"query added":             request("redirect_uri", "https://first.example/cb?x=1"),
		"fragment added":          request("redirect_uri", "https://first.example/cb#x"),
		"user info":               request("redirect_uri", "https://first.example@evil.example/cb"),
		"script":                  request("redirect_uri", "javascript:alert(1)"),
		"none, of several":        request("client_id", "web", "redirect_uri", ""),
		"none, in OpenID Connect": request("redirect_uri", "", "scope", "openid"),
		"control characters":      request("redirect_uri", "https://first.example/cb\r\nX: y"),
	} {
		t.Run(name, func(t *testing.T) { b.page(v) })
	}
	twice := request()
	twice.Add("redirect_uri", "https://evil.example/cb")
	b.page(twice)
	twice = request()
	twice.Add("client_id", "web")
	b.page(twice)
}

func TestErrorsAfterwardsGoToTheClient(t *testing.T) {
	w := newWorld(t)
	b := w.browser().login(symbolon.ACRSingle)
	for name, c := range map[string]struct {
		v    url.Values
		code string
	}{
		"no response type":         {request("response_type", ""), "invalid_request"},
		"implicit":                 {request("response_type", "token"), "unsupported_response_type"},
		"hybrid":                   {request("response_type", "code id_token"), "unsupported_response_type"},
		"response mode":            {request("response_mode", "carrier_pigeon"), "invalid_request"},
		"request object":           {request("request", "e30.e30."), "request_not_supported"},
		"request by reference":     {request("request_uri", "https://evil.example/"), "request_uri_not_supported"},
		"no PKCE":                  {request("code_challenge", "", "code_challenge_method", ""), "invalid_request"},
		"plain PKCE":               {request("code_challenge_method", "plain"), "invalid_request"},
		"plain PKCE by default":    {request("code_challenge_method", ""), "invalid_request"},
		"method without challenge": {request("code_challenge", ""), "invalid_request"},
		"short challenge":          {request("code_challenge", "abc"), "invalid_request"},
		"challenge not canonical":  {request("code_challenge", challenge[:42]+"N"), "invalid_request"},
		"nonce where not declared": {request("code_challenge", "", "code_challenge_method", "", "scope", "openid", "nonce", "n"), "invalid_request"},
		"unknown scope":            {request("scope", "read admin"), "invalid_scope"},
		"malformed scope":          {request("scope", `a"b`), "invalid_scope"},
		"unknown resource":         {request("resource", "https://nowhere.example"), "invalid_target"},
		"no resource":              {request("resource", ""), "invalid_target"},
		"unknown prompt":           {request("prompt", "later"), "invalid_request"},
		"none and more":            {request("prompt", "none login"), "invalid_request"},
		"max_age":                  {request("max_age", "-1"), "invalid_request"},
		"policy":                   {request("resource", "https://secret.example"), "access_denied"},
		"grant not registered":     {request("client_id", "svc"), ""},
		"person refused":           {request("consent", "denied"), "access_denied"},
		"long request":             {request("login_hint", strings.Repeat("x", 300), "pad", strings.Repeat("y", 4096), "pad2", strings.Repeat("z", 4096), "prompt", "login"), "invalid_request"},
	} {
		if c.code == "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			back := b.authorize(c.v)
			if back.Get("error") != c.code || back.Get("state") != "s-1" || back.Get("iss") != iss || back.Has("code") {
				t.Fatalf("%v", back)
			}
			if strings.ContainsAny(back.Get("error_description"), "\"\\") || !strings.Contains(back.Get("error_description"), "req_") {
				t.Fatalf("%q", back.Get("error_description"))
			}
		})
	}
	for _, name := range []string{"state", "scope", "code_challenge", "nonce", "prompt", "x"} {
		twice := request("nonce", "n", "prompt", "login", "x", "y")
		twice.Add(name, "other")
		back := b.authorize(twice)
		if back.Get("error") != "invalid_request" || name == "state" && back.Has("state") {
			t.Fatalf("%s twice: %v", name, back)
		}
	}
}

// RFC 9207: the answer says who gives it, so that a client can tell a mix-up.
func TestTheAnswerNamesItsIssuer(t *testing.T) {
	w := newWorld(t)
	back := w.browser().login(symbolon.ACRSingle).authorize(request())
	if back.Get("iss") != iss || back.Get("state") != "s-1" || !strings.HasPrefix(back.Get("code"), "symc_") {
		t.Fatal(back)
	}
	rec := w.browser().login(symbolon.ACRSingle).get("/authorize?" + request().Encode())
	if rec.Header().Get("Referrer-Policy") != "no-referrer" || rec.Header().Get("Cache-Control") != "no-store" {
		t.Fatal(rec.Header())
	}
}

func TestTheRegisteredRedirectIsTheDefault(t *testing.T) {
	w := newWorld(t)
	b := w.browser().login(symbolon.ACRSingle)
	got := b.code(request("redirect_uri", ""))
	w.good(w.redeem("first", got, "redirect_uri", ""))
	back := b.authorize(request("client_id", "oidc", "redirect_uri", "https://oidc.example/cb?x=1", "scope", "openid", "resource", ""))
	if back.Get("x") != "1" || back.Get("code") == "" {
		t.Fatal("the query of a redirect URI stays", back)
	}
	r := w.good(w.redeem("oidc", back.Get("code"), "redirect_uri", "https://oidc.example/cb?x=1"))
	if r.text("refresh_token") != "" || r.text("id_token") == "" {
		t.Fatal(r.raw)
	}
}

// step follows a redirect to one of our doors and opens what was sealed for it.
func (b *browser) step(path string, v url.Values) session.Step {
	b.t.Helper()
	return b.stepOf(path, b.get("/authorize?"+v.Encode()))
}

func (b *browser) stepOf(path string, rec *httptest.ResponseRecorder) session.Step {
	b.t.Helper()
	to := must(url.Parse(rec.Header().Get("Location")))
	if rec.Code != http.StatusSeeOther || to.Scheme+"://"+to.Host != iss || to.Path != path {
		b.t.Fatalf("want %s, got %d %s", path, rec.Code, to)
	}
	s, err := b.sessions.OpenStep(to.Query().Get("step"))
	b.check(err)
	return s
}

// arrive ends with the client.
func (b *browser) arrive(rec *httptest.ResponseRecorder) url.Values {
	b.t.Helper()
	to := must(url.Parse(rec.Header().Get("Location")))
	if rec.Code != http.StatusSeeOther || to.Host == "id.example" {
		b.t.Fatalf("%d %s", rec.Code, to)
	}
	return to.Query()
}

func TestNobodyLoggedIn(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	s := b.step("/login", request("login_hint", "ada", "acr_values", "phr urn:other mfa", "max_age", "60"))
	if s.Client != "first" || s.LoginHint != "ada" || s.ACR != symbolon.ACRMulti || *s.MaxAge != 60 {
		t.Fatalf("%+v", s)
	}
	if back := b.authorize(request("prompt", "none")); back.Get("error") != "login_required" {
		t.Fatal(back)
	}
	w.pass(time.Second)
	if back := b.login(symbolon.ACRMulti).arrive(b.get(s.ReturnTo)); back.Get("code") == "" {
		t.Fatal(back)
	}
}

// prompt=login and max_age=0 ask once for one request, and cannot be talked out of it.
func TestFreshLogin(t *testing.T) {
	for name, change := range map[string][]string{
		"login": {"prompt", "login"}, "select": {"prompt", "select_account"}, "max_age": {"max_age", "0"}, "old": {"max_age", "3600"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser().login(symbolon.ACRSingle)
			w.pass(40 * time.Minute)
			b.get("/authorize?" + request().Encode()) // keeps the session from idling
			w.pass(40 * time.Minute)
			s := b.step("/login", request(change...))
			if again := b.stepOf("/login", b.get(s.ReturnTo)); !again.At.Equal(w.clock()) {
				t.Fatal("coming back without a login must not help")
			}
			w.pass(time.Minute)
			b.login(symbolon.ACRSingle)
			w.pass(time.Second)
			if back := b.arrive(b.get(s.ReturnTo)); back.Get("code") == "" {
				t.Fatal("asked again", back)
			}
			if name == "old" {
				return // any request may have what is left of the hour
			}
			b.stepOf("/login", b.get(strings.Replace(s.ReturnTo, "state=s-1", "state=s-2", 1)))
			w.pass(11 * time.Minute)
			b.stepOf("/login", b.get(s.ReturnTo))
		})
	}
}

func TestAForgedProofIsNone(t *testing.T) {
	w := newWorld(t)
	b := w.browser().login(symbolon.ACRSingle)
	for _, forged := range []string{"0.", "0..", "1.phr.AAAA", "..", "zzzzzzzzzzzzzzzzzzzz.phr.x", "-1..x", strings.Repeat(".", 99)} {
		b.step("/login", request("prompt", "login", "step", forged))
	}
	if back := b.authorize(request("prompt", "none", "step", "x")); back.Get("code") == "" {
		t.Fatal("a stray step must not hurt either", back)
	}
}

// A form on another site can do no more than a link: it becomes one.
func TestAuthorizeByPost(t *testing.T) {
	w := newWorld(t)
	b := w.browser().login(symbolon.ACRSingle)
	post := func(target string, v url.Values) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", target, strings.NewReader(v.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "https://evil.example")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		for _, c := range b.cookies {
			r.AddCookie(c)
		}
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		return rec
	}
	rec := post("/authorize", request())
	to := rec.Header().Get("Location")
	if rec.Code != http.StatusSeeOther || !strings.HasPrefix(to, iss+"/authorize?") {
		t.Fatal(rec.Code, to)
	}
	if back := b.arrive(b.get(to)); back.Get("code") == "" {
		t.Fatal(back)
	}
	twice := request()
	twice.Add("scope", "write")
	if rec := post("/authorize", twice); rec.Code != 400 || !strings.Contains(rec.Body.String(), `id="error-page"`) {
		t.Fatal(rec.Code)
	}
	if rec := post("/authorize?client_id=first", request()); rec.Code != 400 {
		t.Fatal(rec.Code)
	}
}

func TestTheEndOfASessionIsSeenAtOnce(t *testing.T) {
	w := newWorld(t)
	b := w.browser().login(symbolon.ACRSingle)
	w.check(w.sessions.End(ctx, b.session.ID, "admin", "test", ""))
	b.step("/login", request())
}

// Whatever the query is, the answer is a redirect or a page, and never our own fault.
func FuzzAuthorize(f *testing.F) {
	f.Add(request().Encode())
	f.Add(request("prompt", "none", "max_age", "1", "acr_values", "phr").Encode() + "&resource=" + payroll)
	f.Add("client_id=first&redirect_uri=https://first.example/cb&response_type=code&step=1.phr.x&scope=openid")
	f.Add("client_id=%ff&client_id")
	w := newWorld(f)
	b := w.browser().login(symbolon.ACRSingle)
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest("GET", "/authorize", nil)
		r.URL.RawQuery = query
		for _, c := range b.cookies {
			r.AddCookie(c)
		}
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		to := rec.Header().Get("Location")
		if rec.Code != 400 && rec.Code != 303 || strings.ContainsAny(to, "\r\n") || strings.Contains(to, "server_error") {
			t.Fatalf("%d %q for %q", rec.Code, to, query)
		}
		if rec.Code == 303 && !strings.HasPrefix(to, iss+"/") && !registered(to) {
			t.Fatalf("sent to %q by %q", to, query)
		}
	})
}

func registered(to string) bool {
	for _, known := range []string{webCB, "https://first.example/cb?", "https://oidc.example/cb?x=1&", "https://legacy.example/cb?", "http://127.0.0.1"} {
		if strings.HasPrefix(to, known) {
			return true
		}
	}
	return false
}
