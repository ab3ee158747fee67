package oauth_test

import (
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/session"
	"symbolon.dev/token"
)

// openid is a request of OpenID Connect by the client that signs, or does not.
func openid(pairs ...string) url.Values {
	return of("sign", append([]string{"scope", "openid", "resource", "", "nonce", "n-1"}, pairs...)...)
}

func (b *browser) tokens(v url.Values) reply {
	b.t.Helper()
	return b.good(b.redeem(v.Get("client_id"), b.code(v), "redirect_uri", v.Get("redirect_uri")))
}

// OIDC Core §5.5: claims one by one, in the ID token and at userinfo, and nothing else with them.
func TestClaimsAskedForByName(t *testing.T) {
	w, _ := requestWorld(t)
	b := w.browser().login(symbolon.ACRSingle)
	r := b.tokens(openid("claims", "{\n\"id_token\":{\"email\":{\"essential\":true},\"auth_time\":null,\"shoe_size\":null},\"userinfo\":{\"name\":null,\"preferred_username\":{\"value\":\"x\"}}}"))
	claims := jwtClaims(t, r.text("id_token"))
	if claims["email"] != "ada@example.com" || claims["name"] != nil || claims["auth_time"] == nil || claims["at_hash"] == nil || claims["shoe_size"] != nil {
		t.Fatal(claims)
	}
	if info := w.bearer("GET", r.text("access_token")); info.text("name") != "Ada L." || info.text("preferred_username") != "ada" || info.body["email"] != nil {
		t.Fatal(info.raw)
	}
	again := w.good(w.refresh("sign", r.text("refresh_token")))
	if info := w.bearer("GET", again.text("access_token")); info.text("name") != "Ada L." || info.body["email"] != nil {
		t.Fatal(info.raw)
	}
	for _, broken := range []string{`[]`, `"x"`, `{`, `{"id_token":[]}`, `{"id_token":{"acr":7}}`, `{"id_token":{"sub":{"value":7}}}`, `{"id_token":{},"id_token":{}}`,
		`{"id_token":{"sub":{"value":"a"}},"userinfo":{"sub":{"value":"b"}}}`} {
		if back := b.authorize(openid("claims", broken)); back.Get("error") != "invalid_request" {
			t.Error(broken, back)
		}
	}
}

func TestAnEssentialClassOfLogin(t *testing.T) { // S34
	w, _ := requestWorld(t)
	b := w.browser().login(symbolon.ACRSingle)
	if s := b.step("/login", openid("claims", `{"id_token":{"acr":{"essential":true,"values":["phr","urn:x"]}}}`)); s.ACR != symbolon.ACRPhishing {
		t.Fatal(s)
	}
	if back := b.authorize(openid("claims", `{"id_token":{"acr":{"essential":true,"value":"urn:x"}}}`)); back.Get("error") != "unmet_authentication_requirements" {
		t.Fatal(back)
	}
	if back := b.authorize(openid("claims", `{"id_token":{"acr":{"values":["urn:x"]}}}`)); back.Get("code") == "" {
		t.Fatal(back)
	}
}

// id_token_hint, and a sub that is asked for by value: nobody else will do.
func TestTheExpectedPerson(t *testing.T) {
	w, key := requestWorld(t)
	b := w.browser().login(symbolon.ACRSingle)
	hint := b.tokens(openid()).text("id_token")
	w.pass(time.Minute * 30) // it has expired
	if back := b.authorize(openid("prompt", "none", "id_token_hint", hint)); back.Get("code") == "" {
		t.Fatal(back)
	}
	sub := jwtClaims(t, hint)["sub"].(string)
	if back := b.authorize(openid("prompt", "none", "claims", `{"id_token":{"sub":{"value":"`+sub+`"}}}`)); back.Get("code") == "" {
		t.Fatal(back)
	}
	bob := &symbolon.User{ID: symbolon.NewUserID(), Login: "bob", Created: w.clock(), Updated: w.clock()}
	w.check(w.db.Commit(ctx, symbolon.PutUser{User: *bob}))
	rec := httptest.NewRecorder()
	must(w.sessions.Start(ctx, rec, session.Login{User: bob.ID, Factors: factors[symbolon.ACRSingle]}))
	other := &browser{world: w, cookies: rec.Result().Cookies()}
	for _, ask := range [][]string{{"id_token_hint", hint}, {"claims", `{"userinfo":{"sub":{"value":"` + sub + `"}}}`}} {
		if back := other.authorize(openid(append(ask, "prompt", "none")...)); back.Get("error") != "login_required" {
			t.Fatal(back)
		}
		s := other.step("/login", openid(ask...))
		if !slices.Equal(s.Prompt, []string{"select_account"}) {
			t.Fatal("somebody else must be able to log in", s.Prompt)
		}
		rec := httptest.NewRecorder()
		must(w.sessions.Start(ctx, rec, session.Login{User: bob.ID, Factors: factors[symbolon.ACRSingle]}))
		same := &browser{world: w, cookies: rec.Result().Cookies()}
		if back := same.arrive(same.get(s.ReturnTo)); back.Get("error") != "login_required" {
			t.Fatal("asked for ever", back)
		}
	}
	for name, wrong := range map[string]string{"not ours": w.object(key, "sign", url.Values{}), "broken": hint + "x", "none": "eyJhbGciOiJub25lIn0.e30.", "text": "x"} {
		if back := b.authorize(openid("id_token_hint", wrong)); back.Get("error") != "invalid_request" {
			t.Fatal(name, back)
		}
	}
	if back := b.authorize(of("must-sign", "id_token_hint", hint)); back.Get("error") != "invalid_request" {
		t.Fatal(back)
	}
}

func TestAnAccountIsAskedFor(t *testing.T) {
	w, _ := requestWorld(t)
	b := w.browser().login(symbolon.ACRSingle)
	w.pass(time.Second)
	if s := b.step("/login", openid("prompt", "create")); !slices.Equal(s.Prompt, []string{"create"}) {
		t.Fatal(s)
	}
}

// RFC 9396: agreed in detail, told in the answer, in the token and at introspection, and kept on the way.
func TestAuthorizationDetails(t *testing.T) { // S31
	w, _ := requestWorld(t)
	b := w.browser().login(symbolon.ACRSingle)
	const canonical = `[{"amount":12,"to":"Bob","type":"payment"}]`
	r := b.tokens(of("sign", "authorization_details", pay12, "scope", "", "resource", ""))
	if !strings.Contains(r.raw, `"authorization_details":`+canonical) {
		t.Fatal(r.raw)
	}
	details, _ := jwtClaims(t, r.text("access_token"))["authorization_details"].([]any)
	if len(details) != 1 || details[0].(map[string]any)["to"] != "Bob" {
		t.Fatal(jwtClaims(t, r.text("access_token")))
	}
	if told := w.post("/introspect", "orders", q("token", r.text("access_token"))); !strings.Contains(told.raw, `"to":"Bob"`) {
		t.Fatal(told.raw)
	}
	again := w.good(w.refresh("sign", r.text("refresh_token")))
	if !strings.Contains(again.raw, canonical) {
		t.Fatal(again.raw)
	}
	w.bad(w.refresh("sign", again.text("refresh_token"), "authorization_details", `[{"type":"payment","to":"Eve","amount":12}]`), 400, "invalid_authorization_details")
	// a token for another resource carries none of it
	both := of("sign", "authorization_details", pay12)
	first := b.good(w.redeem("sign", b.code(both), "redirect_uri", both.Get("redirect_uri"), "resource", notes))
	if strings.Contains(first.raw, "Bob") {
		t.Fatal(first.raw)
	}
	for _, wrong := range []string{`[{"type":"payment","amount":-1.5}]`, `[{"type":"refund"}]`, `{}`, `[{"type":"payment","amount":1,"locations":["https://evil.example"]}]`} {
		if back := b.authorize(of("sign", "authorization_details", wrong)); back.Get("error") != "invalid_authorization_details" {
			t.Error(wrong, back)
		}
	}
	if back := b.authorize(of("mcp", "authorization_details", pay12)); back.Get("error") != "invalid_authorization_details" {
		t.Error("a client that is not registered for the type", back)
	}
}

// What is optional can be left out; what was left out is not given, and not asked for again.
func TestConsentInPart(t *testing.T) { // S13
	w, _ := requestWorld(t)
	b := w.browser().login(symbolon.ACRSingle)
	v := of("choosy", "scope", "read write", "authorization_details", pay12)
	s := b.step("/consent", v)
	if s.Resource != "notes" || !slices.Equal(s.Optional, []string{"write"}) || len(s.Details) != 0 {
		t.Fatalf("%+v", s)
	}
	put := func(c symbolon.Consent) {
		c.User, c.Client, c.At = w.ada.ID, "choosy", w.clock()
		w.check(w.db.Commit(ctx, symbolon.PutConsent{Consent: c}))
	}
	put(symbolon.Consent{Resource: "notes", Scopes: []string{"read"}, Declined: []string{"write"}})
	s = b.step("/consent", v)
	if s.Resource != "bank" || len(s.Details) != 1 || s.Details[0] != `{"amount":12,"to":"Bob","type":"payment"}` {
		t.Fatalf("%+v", s)
	}
	put(symbolon.Consent{Resource: "bank", Scopes: []string{"read"}, Details: s.Details})
	r := w.good(w.redeem("choosy", b.code(v), "redirect_uri", v.Get("redirect_uri"), "resource", notes))
	if r.text("scope") != "read" {
		t.Fatal("a scope that was left out is given", r.raw)
	}
	if s := b.step("/consent", of("choosy", "scope", "read", "authorization_details", `[{"type":"payment","to":"Bob","amount":13}]`)); s.Resource != "bank" {
		t.Fatal("another amount is another question", s)
	}
	put(symbolon.Consent{Resource: "notes", Scopes: []string{"write"}, Declined: []string{"read"}})
	if s := b.step("/consent", of("choosy", "scope", "read")); s.Resource != "notes" {
		t.Fatal("what is required cannot have been left out", s)
	}
}

func TestClaimsNeedConsent(t *testing.T) {
	w, _ := requestWorld(t)
	b := w.browser().login(symbolon.ACRSingle)
	v := of("choosy", "scope", "openid", "resource", "", "claims", `{"userinfo":{"email":null}}`)
	if s := b.step("/consent", v); !slices.Equal(s.Scopes, []string{"openid", "claim:email"}) || !slices.Equal(s.Optional, []string{"claim:email"}) {
		t.Fatalf("%+v", s)
	}
	w.check(w.db.Commit(ctx, symbolon.PutConsent{Consent: symbolon.Consent{User: w.ada.ID, Client: "choosy", Resource: "userinfo", Scopes: []string{"openid"}, Declined: []string{"claim:email"}, At: w.clock()}}))
	if info := w.bearer("GET", b.tokens(v).text("access_token")); info.body["email"] != nil || info.text("sub") == "" {
		t.Fatal(info.raw)
	}
	w.check(w.db.Commit(ctx, symbolon.PutConsent{Consent: symbolon.Consent{User: w.ada.ID, Client: "choosy", Resource: "userinfo", Scopes: []string{"openid", "email"}, At: w.clock()}}))
	if info := w.bearer("GET", b.tokens(v).text("access_token")); info.text("email") == "" {
		t.Fatal("whoever allowed the scope allowed its claims", info.raw)
	}
}

// FAPI 2.0 Security Profile, final, §5.3.2, and Message Signing, final, §5: what is refused, and the
// one way that is not.
func TestProfiles(t *testing.T) { // S14
	w, key := requestWorld(t)
	b := w.browser().login(symbolon.ACRSingle)
	for name, c := range map[string]struct {
		v    url.Values
		code string
	}{
		"not pushed":             {of("fapi"), "invalid_request"},
		"signed, but not pushed": {of("fapi-ms", "request", w.object(key, "fapi-ms", of("fapi-ms", "response_mode", "jwt"))), "invalid_request"},
		"mcp without a resource": {of("mcp", "resource", ""), "invalid_target"},
	} {
		back := b.authorize(c.v)
		if response := back.Get("response"); response != "" {
			back.Set("error", w.signedByUs(response)["error"].(string))
		}
		if back.Get("error") != c.code {
			t.Error(name, back)
		}
	}
	for name, c := range map[string]struct {
		id   string
		v    url.Values
		code string
	}{
		"no redirect named":      {"fapi", of("fapi", "redirect_uri", ""), "invalid_request"},
		"plain PKCE":             {"fapi", of("fapi", "code_challenge_method", "plain"), "invalid_request"},
		"request not signed":     {"fapi-ms", of("fapi-ms", "response_mode", "jwt"), "invalid_request"},
		"answer not signed":      {"fapi-ms", q("request", w.object(key, "fapi-ms", of("fapi-ms"))), "invalid_request"},
		"no nbf":                 {"fapi-ms", q("request", w.object(key, "fapi-ms", of("fapi-ms", "response_mode", "jwt"), "nbf", nil)), "invalid_request_object"},
		"made long ago":          {"fapi-ms", q("request", w.object(key, "fapi-ms", of("fapi-ms", "response_mode", "jwt"), "nbf", w.clock().Add(-61*time.Minute).Unix())), "invalid_request_object"},
		"for longer than it may": {"fapi-ms", q("request", w.object(key, "fapi-ms", of("fapi-ms", "response_mode", "jwt"), "exp", w.clock().Add(61*time.Minute).Unix())), "invalid_request_object"},
	} {
		t.Run(name, func(t *testing.T) { w.in(t).bad(w.par(key, c.id, c.v), 400, c.code) })
	}
	back := b.arrive(b.get("/authorize?" + w.pushed(key, "fapi", of("fapi")).Encode()))
	if back.Get("code") == "" || back.Get("iss") != iss {
		t.Fatal(back)
	}
	bearer := w.assertion(key, "fapi")
	for name, value := range q("grant_type", "authorization_code", "code", back.Get("code"), "redirect_uri", "https://fapi.example/cb", "code_verifier", verifier) {
		bearer[name] = value
	}
	if r := w.post("/token", "", bearer); r.status != 400 || r.body["access_token"] != nil {
		t.Fatal("a bearer token must not be had", r.raw)
	}
	signed := w.pushed(key, "fapi-ms", q("request", w.object(key, "fapi-ms", of("fapi-ms", "response_mode", "jwt"))))
	back = b.arrive(b.get("/authorize?" + signed.Encode()))
	if claims := w.signedByUs(back.Get("response")); claims["code"] == nil || claims["aud"] != "fapi-ms" || claims["iss"] != iss || claims["state"] != "s-1" {
		t.Fatal(claims)
	}
}

// FAPI 2.0 §5.3.2.1: no rotation; the token is bound to a key instead.
func TestARefreshTokenThatStays(t *testing.T) {
	w, key := requestWorld(t)
	b, prover := w.browser().login(symbolon.ACRSingle), must(token.NewProver(w.clock))
	back := b.arrive(b.get("/authorize?" + w.pushed(key, "fapi", of("fapi")).Encode()))
	send := func(pairs ...string) reply {
		v := w.assertion(key, "fapi")
		for name, value := range q(pairs...) {
			v[name] = value
		}
		return w.post("/token", "", v, "DPoP", must(prover.Prove("POST", iss+"/token", "", "")))
	}
	first := send("grant_type", "authorization_code", "code", back.Get("code"), "redirect_uri", "https://fapi.example/cb", "code_verifier", verifier)
	if first.text("token_type") != "DPoP" || first.text("refresh_token") == "" {
		t.Fatal(first.raw)
	}
	for range 3 {
		w.pass(time.Minute)
		if again := send("grant_type", "refresh_token", "refresh_token", first.text("refresh_token")); again.status != 200 || again.text("refresh_token") != first.text("refresh_token") {
			t.Fatal(again.raw)
		}
	}
}

// RFC 9728, for what the issuer is itself.
func TestProtectedResources(t *testing.T) {
	w := newWorld(t)
	get := func(path string) reply {
		return w.send(httptest.NewRequest("GET", "/.well-known/oauth-protected-resource"+path, nil))
	}
	for path, scope := range map[string]string{"/userinfo": "openid", "/admin": "admin", "/ssf": "ssf.read"} {
		r := get(path)
		list, _ := r.body["scopes_supported"].([]any)
		if r.status != 200 || r.text("resource") != iss+path || !slices.Contains(list, any(scope)) {
			t.Fatal(path, r.status, r.raw)
		}
		if claims := w.signedByUs(r.text("signed_metadata")); claims["resource"] != iss+path || claims["iss"] != iss {
			t.Fatal(claims)
		}
	}
	for _, path := range []string{"/", "/nothing", "/../notes", "/https://notes.example"} {
		if r := get(path); r.status == 200 {
			t.Fatal(path, r.raw)
		}
	}
}
