package oauth_test

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"symbolon.dev"
)

// S14, S17: the code grant gives what was agreed to, once.
func TestCodeGrant(t *testing.T) {
	w := newWorld(t)
	b := w.browser().login(symbolon.ACRSingle)
	r := w.good(w.redeem("first", b.code(request("scope", "openid read offline_access", "nonce", "n-1"))))
	if r.text("scope") != "read" || r.body["expires_in"] != 600.0 || r.text("refresh_token") == "" {
		t.Fatalf("%s", r.raw)
	}
	id := jwtClaims(t, r.text("id_token"))
	if id["iss"] != iss || id["sub"] != string(w.ada.ID) || id["aud"] != "first" || id["nonce"] != "n-1" || id["acr"] != "aal1" ||
		id["sid"] != string(b.session.ID) || id["auth_time"] != float64(b.session.AuthTime.Unix()) || id["at_hash"] == nil {
		t.Fatalf("%v", id)
	}
	claims, err := w.tokens.Open(ctx, r.text("access_token"))
	w.check(err)
	if claims.Audience[0] != notes || claims.ClientID != "first" || claims.SessionID != string(b.session.ID) {
		t.Fatalf("%+v", claims)
	}
	if w.events(symbolon.AuthorizationGranted) != 1 {
		t.Fatal("an authorization leaves an event")
	}
}

func TestCodeRefusals(t *testing.T) {
	w := newWorld(t)
	b := w.browser().login(symbolon.ACRSingle)
	for name, c := range map[string]struct {
		ask    []string
		client string
		redeem []string
		before func()
		code   string
	}{
		"wrong verifier":             {redeem: []string{"code_verifier", strings.Repeat("a", 43)}, code: "invalid_grant"},
		"no verifier":                {redeem: []string{"code_verifier", ""}, code: "invalid_grant"},
		"the challenge as verifier":  {redeem: []string{"code_verifier", challenge}, code: "invalid_grant"},
		"short verifier":             {redeem: []string{"code_verifier", "abc"}, code: "invalid_grant"},
		"other redirect URI":         {redeem: []string{"redirect_uri", "https://first.example/cb2"}, code: "invalid_grant"},
		"no redirect URI":            {redeem: []string{"redirect_uri", ""}, code: "invalid_grant"},
		"injected by another client": {client: "web", code: "invalid_grant"},
		"no code":                    {redeem: []string{"code", ""}, code: "invalid_request"},
		"made-up code":               {redeem: []string{"code", "symc_abc"}, code: "invalid_grant"},
		"resource not agreed to":     {redeem: []string{"resource", payroll}, code: "invalid_target"},
		"after a minute":             {before: func() { w.pass(time.Minute) }, code: "invalid_grant"},
	} {
		t.Run(name, func(t *testing.T) {
			got := b.code(request(c.ask...))
			if c.before != nil {
				c.before()
			}
			if c.client == "" {
				c.client = "first"
			}
			w.in(t).bad(w.redeem(c.client, got, c.redeem...), 400, c.code)
		})
	}
}

// RFC 9700 §4.8.2: a code of a request without a challenge takes no verifier.
func TestPKCECannotBeDowngraded(t *testing.T) {
	w := newWorld(t)
	b := w.browser().login(symbolon.ACRSingle)
	v := request("client_id", "legacy", "redirect_uri", "https://legacy.example/cb", "code_challenge", "", "code_challenge_method", "",
		"scope", "openid", "nonce", "n", "resource", "")
	w.bad(w.redeem("legacy", b.code(v), "redirect_uri", "https://legacy.example/cb"), 400, "invalid_grant")
	r := w.good(w.redeem("legacy", b.code(v), "redirect_uri", "https://legacy.example/cb", "code_verifier", ""))
	if jwtClaims(t, r.text("id_token"))["nonce"] != "n" {
		t.Fatal("the nonce that stands in for PKCE must come back")
	}
	for _, e := range must(w.db.EventsAfter(ctx, 0, 1000)) {
		if e.Type == symbolon.AuthorizationGranted && e.Data["pkce"] != "nonce" {
			t.Fatal("the log says what stood in for PKCE")
		}
	}
}

// S17: showing a code again ends what the first use gave, even long after.
func TestCodeReplayRevokes(t *testing.T) {
	for name, wait := range map[string]time.Duration{"at once": 0, "when the code is old": 5 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			got := w.browser().login(symbolon.ACRSingle).code(request())
			r := w.good(w.redeem("first", got))
			w.pass(wait)
			w.bad(w.redeem("web", got), 400, "invalid_grant") // somebody else's replay ends nothing
			if !w.opens(r.text("access_token")) {
				t.Fatal("it should still open")
			}
			w.bad(w.redeem("first", got), 400, "invalid_grant")
			w.bad(w.redeem("first", got), 400, "invalid_grant")
			if w.opens(r.text("access_token")) {
				t.Fatal("the access token survived a replay of its code")
			}
			w.bad(w.refresh("first", r.text("refresh_token")), 400, "invalid_grant")
			if w.events(symbolon.TokenReplayed) != 1 || w.events(symbolon.AuthorizationRevoked) != 1 {
				t.Fatal("one replay, one revocation in the log")
			}
		})
	}
}

func TestCodeDiesWithItsSession(t *testing.T) {
	w := newWorld(t)
	b := w.browser().login(symbolon.ACRSingle)
	got := b.code(request())
	w.check(w.sessions.End(ctx, b.session.ID, "admin", "test", ""))
	w.bad(w.redeem("first", got), 400, "invalid_grant")
}

// Of 32 redemptions at once, one gets tokens, and the others end them.
func TestConcurrentCodeRedemption(t *testing.T) {
	w := newWorld(t)
	got := w.browser().login(symbolon.ACRSingle).code(request())
	replies := at32(func() reply { return w.redeem("first", got) })
	var won []reply
	for _, r := range replies {
		if r.status == 200 {
			won = append(won, r)
		} else {
			w.bad(r, 400, "invalid_grant")
		}
	}
	if len(won) != 1 || w.opens(won[0].text("access_token")) || w.events(symbolon.AuthorizationRevoked) != 1 {
		t.Fatalf("%d won, %d revocations", len(won), w.events(symbolon.AuthorizationRevoked))
	}
}

func at32(do func() reply) []reply {
	replies := make([]reply, 32)
	var group sync.WaitGroup
	for i := range replies {
		group.Go(func() { replies[i] = do() })
	}
	group.Wait()
	return replies
}

// S14, S27, S28
func TestClientCredentials(t *testing.T) {
	w := newWorld(t)
	ask := func(client string, pairs ...string) reply {
		return w.post("/token", client, q(append([]string{"grant_type", "client_credentials", "resource", orders}, pairs...)...))
	}
	r := w.good(ask("svc", "scope", "read write"))
	claims := jwtClaims(t, r.text("access_token"))
	if claims["aud"] != orders || claims["sub"] != "svc" || claims["sub_kind"] != "service" || claims["scope"] != "read write" || r.text("refresh_token") != "" {
		t.Fatal(r.raw, claims)
	}
	if r := w.good(ask("svc")); r.text("scope") != "read" {
		t.Fatal("the registered default", r.raw)
	}
	w.good(ask("defaulting", "resource", ""))
	if r := w.good(ask("bare", "scope", "read")); r.text("scope") != "read" {
		t.Fatal("without registered scopes, policy alone decides", r.raw)
	}
	for name, c := range map[string]struct {
		client, code string
		pairs        []string
	}{
		"scope of nobody":       {"svc", "invalid_scope", []string{"scope", "read admin"}},
		"scope of a person":     {"svc", "invalid_scope", []string{"scope", "openid"}},
		"scope not registered":  {"defaulting", "invalid_scope", []string{"scope", "read"}},
		"no resource":           {"svc", "invalid_target", []string{"resource", ""}},
		"unknown resource":      {"svc", "invalid_target", []string{"resource", "https://nowhere.example"}},
		"denied resource":       {"svc", "invalid_target", []string{"resource", "https://secret.example"}},
		"denied client":         {"stranger", "invalid_target", nil},
		"the issuer's userinfo": {"svc", "invalid_target", []string{"resource", iss + "/userinfo", "scope", ""}},
		"grant not registered":  {"first", "unauthorized_client", nil},
		"public client":         {"native", "unauthorized_client", nil},
		"unknown grant":         {"svc", "unsupported_grant_type", []string{"grant_type", "password"}},
		"no grant":              {"svc", "invalid_request", []string{"grant_type", ""}},
		"malformed scope":       {"svc", "invalid_scope", []string{"scope", `re"ad`}},
	} {
		t.Run(name, func(t *testing.T) { w.in(t).bad(ask(c.client, c.pairs...), 400, c.code) })
	}
	unknown, denied := ask("svc", "resource", "https://nowhere.example"), ask("svc", "resource", "https://secret.example")
	if unknown.text("error_description") != denied.text("error_description") {
		t.Fatal("a service can find out which resources exist") // S9
	}
}

func TestTwoResourcesMakeNoToken(t *testing.T) {
	w := newWorld(t)
	v := q("grant_type", "client_credentials", "resource", orders)
	v.Add("resource", notes)
	w.bad(w.post("/token", "svc", v), 400, "invalid_target")
}

// The form of the request: RFC 6749 §3.2.
func TestTokenEndpointForm(t *testing.T) {
	w := newWorld(t)
	form := "grant_type=client_credentials&resource=" + url.QueryEscape(orders)
	try := func(method, target, contentType, body, secret string) reply {
		r := httptest.NewRequest(method, target, strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		if secret != "" {
			r.SetBasicAuth("svc", secret)
		}
		return w.send(r)
	}
	const urlencoded = "application/x-www-form-urlencoded"
	w.good(try("POST", "/token", urlencoded+"; charset=UTF-8", form, secret))
	if r := try("GET", "/token?"+form, "", "", secret); r.status != 405 || r.header.Get("Allow") == "" {
		t.Fatal(r.status, r.raw)
	}
	w.bad(try("POST", "/token?"+form, urlencoded, "", secret), 400, "invalid_request")
	w.bad(try("POST", "/token", "application/json", `{"grant_type":"client_credentials"}`, secret), 400, "invalid_request")
	w.bad(try("POST", "/token", urlencoded, form+"&grant_type=client_credentials", secret), 400, "invalid_request")
	w.bad(try("POST", "/token", urlencoded, form+"&x=%00", secret), 400, "invalid_request")
	w.bad(try("POST", "/token", urlencoded, form+"&x="+strings.Repeat("a", 70<<10), secret), 413, "invalid_request")
	w.bad(try("POST", "/token", urlencoded, form, "wrong"), 401, "invalid_client")
	w.bad(try("POST", "/token", urlencoded, form, ""), 401, "invalid_client")
	if r := try("POST", "/token", urlencoded, form, "wrong"); !strings.HasPrefix(r.header.Get("WWW-Authenticate"), "Basic ") {
		t.Fatal(r.header)
	}
	if r := try("POST", "/token", urlencoded, form+"&x=%22%0a", secret); strings.ContainsAny(r.text("error_description"), "\"\\\n") {
		t.Fatal(r.raw)
	}
}

// Whatever the form is, the answer is JSON of RFC 6749, and never our own fault.
func FuzzToken(f *testing.F) {
	f.Add("grant_type=authorization_code&code=symc_x&code_verifier=" + verifier)
	f.Add("grant_type=client_credentials&resource=https://orders.example&scope=read+write")
	f.Add("grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token=a.b.c&subject_token_type=urn:ietf:params:oauth:token-type:jwt&audience=billing")
	f.Add("grant_type=refresh_token&refresh_token=symr_x&client_id=native")
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, form string) {
		for _, client := range []string{"", "first", "svc", "orders"} {
			r := httptest.NewRequest("POST", "/token", strings.NewReader(form))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if client != "" {
				r.SetBasicAuth(client, secret)
			}
			got := w.in(t).send(r)
			if got.status >= 500 || got.body == nil || got.status != 200 && got.text("error") == "" {
				t.Fatalf("%d %s for %q", got.status, got.raw, form)
			}
		}
	})
}
