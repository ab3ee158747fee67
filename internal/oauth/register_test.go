package oauth_test

import (
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/client"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/grant"
	"symbolon.dev/internal/issuer"
	"symbolon.dev/internal/oauth"
	"symbolon.dev/token"
)

type object = map[string]any

// registering opens a world where clients may register, with changes to how.
func registering(t *testing.T, mode string, changes ...func(*oauth.Registration)) *world {
	w := newWorld(t)
	r := oauth.Registration{Mode: mode, Scopes: []string{"openid", "profile", "email", "offline_access"}, GrantTypes: code, Limit: 10, Store: w.db, Catalog: w.catalog}
	for _, change := range changes {
		change(&r)
	}
	w.Handler = oauth.Handler(oauth.Config{
		Issuer: iss, Door: &door.Door{Log: slog.New(slog.NewTextHandler(t.Output(), nil))}, Catalog: w.catalog,
		Clients:  client.Open(client.Config{Issuer: iss, Clients: func() client.Clients { return w.catalog.Current() }, Clock: w.clock, Store: w.db}),
		Sessions: w.sessions, Tokens: w.tokens, Keys: w.ring, Vault: w.vault, Consents: w.db, Clock: w.clock, Registration: r,
		Grants: grant.New(grant.Config{Issuer: iss, Store: w.db, Catalog: w.catalog, Tokens: w.tokens, Vault: w.vault, Clock: w.clock}),
	})
	return w
}

func (w *world) json(method, path, bearer string, body any) reply {
	w.t.Helper()
	r := httptest.NewRequest(method, strings.TrimPrefix(path, iss), strings.NewReader(string(must(json.Marshal(body)))))
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	return w.send(r)
}

func (w *world) register(body object) reply {
	w.t.Helper()
	return w.json("POST", "/register", "", body)
}

func (w *world) registered(r reply) reply {
	w.t.Helper()
	if r.status != http.StatusCreated || r.header.Get("Cache-Control") != "no-store" {
		w.t.Fatalf("%d %s", r.status, r.raw)
	}
	return r
}

func web(changes ...any) object {
	m := object{"redirect_uris": []string{"https://rp.example/cb"}, "client_name": "RP"}
	for i := 0; i < len(changes); i += 2 {
		m[changes[i].(string)] = changes[i+1]
	}
	return m
}

// initial is an initial access token of a scope, as the issuer gives it to a service.
func (w *world) initial(scope string) string {
	w.t.Helper()
	found, _ := w.catalog.Current().Resource(catalog.Registration)
	owner, _ := w.catalog.Current().Client("svc")
	issued, changes, err := w.tokens.Issue(ctx, issuer.Mint{Client: owner, Resource: found, Scopes: []string{scope}})
	w.check(err)
	w.check(w.db.Commit(ctx, changes...))
	return issued.Raw.Reveal()
}

func (w *world) permit() {
	w.put(symbolon.KindPolicy, "registrars", symbolon.Policy{ID: "registrars", Text: `permit(principal == Service::"svc", action == Action::"clients.register", resource);`})
}

func TestNobodyRegistersUnlessTheOperatorSaysSo(t *testing.T) { // S3
	w := newWorld(t)
	if r := w.register(web()); r.status != http.StatusNotFound {
		t.Errorf("%d %s", r.status, r.raw)
	}
	if w.send(httptest.NewRequest("GET", "/.well-known/openid-configuration", nil)).body["registration_endpoint"] != nil {
		t.Error("the metadata names the endpoint")
	}
	w = registering(t, oauth.RegistrationToken)
	w.bad(w.register(web()), http.StatusUnauthorized, "invalid_token")
	if w.send(httptest.NewRequest("GET", "/.well-known/openid-configuration", nil)).text("registration_endpoint") != iss+"/register" {
		t.Error("the metadata does not name the endpoint")
	}
	w = registering(t, oauth.RegistrationOpen)
	w.registered(w.register(web()))
	w.check(w.catalog.Put(ctx, "test", "", catalog.Edit{Kind: symbolon.KindPolicy, ID: "registration", Delete: true, Was: -1}))
	w.bad(w.register(web()), http.StatusForbidden, "access_denied")
}

func TestARegisteredClientIsAnOrdinaryOne(t *testing.T) { // RFC 7591 §3.2.1
	w := registering(t, oauth.RegistrationOpen)
	r := w.registered(w.register(web("scope", "openid email admin", "grant_types", code, "unknown_member", 7, "contacts", []string{"ops@rp.example"}, "logo_uri", nil,
		"backchannel_logout_uri", "https://rp.example/out", "default_max_age", 60, "require_auth_time", true)))
	want := object{"client_name": "RP", "scope": "openid email", "token_endpoint_auth_method": "client_secret_basic", "application_type": "web",
		"client_secret_expires_at": 0.0, "client_id_issued_at": float64(w.clock().Unix()), "registration_client_uri": iss + "/register/" + r.text("client_id"),
		"backchannel_logout_uri": "https://rp.example/out", "default_max_age": 60.0, "require_auth_time": true}
	for name, value := range want {
		if r.body[name] != value {
			t.Errorf("%s: %v, not %v", name, r.body[name], value)
		}
	}
	if types, _ := r.body["response_types"].([]any); len(types) != 1 || types[0] != "code" {
		t.Error(r.raw)
	}
	c, _ := w.catalog.Current().Client(symbolon.ClientID(r.text("client_id")))
	stored := string(must(json.Marshal(c)))
	if c.FirstParty || c.Broker || c.Registered == nil || strings.Contains(stored, r.text("client_secret")) || strings.Contains(stored, r.text("registration_access_token")) {
		t.Errorf("%s", stored)
	}
	basic := httptest.NewRequest("POST", "/token", strings.NewReader("grant_type=authorization_code&code=x"))
	basic.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	basic.SetBasicAuth(r.text("client_id"), r.text("client_secret"))
	w.bad(w.send(basic), http.StatusBadRequest, "invalid_grant") // it is known, and its secret is right
}

func TestMetadataIsHeldToItsRules(t *testing.T) { // RFC 7591 §3.2.2, OpenID Connect Dynamic Client Registration 1.0 §2
	w := registering(t, oauth.RegistrationOpen, func(r *oauth.Registration) { r.Limit = 1000 })
	const redirect, metadata = "invalid_redirect_uri", "invalid_client_metadata"
	for name, c := range map[string]struct {
		body object
		code string
	}{
		"script":              {web("redirect_uris", []string{"javascript:alert(1)"}), redirect},
		"script, native":      {web("redirect_uris", []string{"javascript:alert(1)"}, "application_type", "native"), redirect},
		"data":                {web("redirect_uris", []string{"data:text/html,x"}, "application_type", "native"), redirect},
		"plain http":          {web("redirect_uris", []string{"http://rp.example/cb"}), redirect},
		"plain http, native":  {web("redirect_uris", []string{"http://rp.example/cb"}, "application_type", "native"), redirect},
		"loopback, web":       {web("redirect_uris", []string{"http://127.0.0.1/cb"}), redirect},
		"fragment":            {web("redirect_uris", []string{"https://rp.example/cb#x"}), redirect},
		"wildcard":            {web("redirect_uris", []string{"https://*.example/cb"}), redirect},
		"none":                {web("redirect_uris", []string{}), redirect},
		"one good, one bad":   {web("redirect_uris", []string{"https://rp.example/cb", "https://u:p@rp.example/"}), redirect},
		"client_credentials":  {web("grant_types", []string{"client_credentials"}), metadata},
		"exchange":            {web("grant_types", []string{"authorization_code", grant.TypeExchange}), metadata},
		"implicit":            {web("grant_types", []string{"implicit"}, "response_types", []string{"id_token"}), metadata},
		"hybrid":              {web("response_types", []string{"code id_token"}), metadata},
		"only refresh":        {web("grant_types", []string{"refresh_token"}), metadata},
		"scopes it cannot":    {web("scope", "admin"), metadata},
		"secret_jwt":          {web("token_endpoint_auth_method", "client_secret_jwt"), metadata},
		"vouched for":         {web("token_endpoint_auth_method", "tls_client_auth", "tls_client_auth_san_dns", "rp.example"), metadata},
		"keys twice":          {web("jwks", object{"keys": []any{}}, "jwks_uri", "https://rp.example/jwks"), metadata},
		"no keys":             {web("token_endpoint_auth_method", "private_key_jwt"), metadata},
		"alg none":            {web("id_token_signed_response_alg", "none"), metadata},
		"HS256":               {web("id_token_signed_response_alg", "HS256"), metadata},
		"encrypted":           {web("id_token_encrypted_response_alg", "RSA-OAEP"), metadata},
		"script as logo":      {web("logo_uri", "javascript:alert(1)"), metadata},
		"script as home":      {web("client_uri", "javascript:alert(1)"), metadata},
		"type":                {web("application_type", "toaster"), metadata},
		"contact":             {web("contacts", []string{"not an address"}), metadata},
		"wrong type":          {web("client_name", 7), metadata},
		"control characters":  {web("client_name", "RP\u0000"), metadata},
		"frame elsewhere":     {web("frontchannel_logout_uri", "https://other.example/out"), metadata},
		"back channel, plain": {web("backchannel_logout_uri", "http://rp.example/out"), metadata},
		"after logout":        {web("post_logout_redirect_uris", []string{"javascript:alert(1)"}), metadata},
		"several sectors":     {web("subject_type", "pairwise", "redirect_uris", []string{"https://a.example/cb", "https://b.example/cb"}), metadata},
		"negative age":        {web("default_max_age", -1), metadata},
	} {
		w.pass(time.Hour)
		t.Run(name, func(t *testing.T) { w.in(t).bad(w.in(t).register(c.body), http.StatusBadRequest, c.code) })
	}
	for _, native := range []string{"http://127.0.0.1/cb", "com.example.app:/cb", "https://claimed.example/cb"} {
		w.registered(w.register(web("redirect_uris", []string{native}, "application_type", "native", "token_endpoint_auth_method", "none")))
	}
	r := httptest.NewRequest("POST", "/register", strings.NewReader(`{"redirect_uris":["https://rp.example/cb"],"redirect_uris":["https://evil.example/cb"]}`))
	r.Header.Set("Content-Type", "application/json")
	w.bad(w.send(r), http.StatusBadRequest, metadata)
	w.bad(w.post("/register", "", q("client_name", "x")), http.StatusBadRequest, metadata)
}

func TestNoMetadataMakesAClientMoreThanOthers(t *testing.T) {
	w := registering(t, oauth.RegistrationOpen)
	r := w.registered(w.register(web("first_party", true, "broker", true, "groups", []string{"administrators"}, "organisation", "acme", "pkce", "nonce", "client_id", "web",
		"secrets", []any{}, "trust", "x", "disabled", false, "tokens", object{"*": object{"format": "jwt"}}, "registered", nil)))
	c, _ := w.catalog.Current().Client(symbolon.ClientID(r.text("client_id")))
	if c.ID == "web" || c.FirstParty || c.Broker || len(c.Groups) > 0 || c.Organisation != "" || c.PKCE != "" || c.Trust != "" || c.Tokens != nil {
		t.Errorf("%+v", c)
	}
}

func TestManyRegistrationsAreStopped(t *testing.T) {
	w := registering(t, oauth.RegistrationOpen, func(r *oauth.Registration) { r.Limit = 3 })
	for range 3 {
		w.registered(w.register(web()))
	}
	w.bad(w.register(web()), http.StatusTooManyRequests, "temporarily_unavailable")
	w = registering(t, oauth.RegistrationOpen, func(r *oauth.Registration) { r.Limit = 1000 })
	for range 100 {
		w.register(object{})
	}
	last := w.register(web())
	w.bad(last, http.StatusTooManyRequests, "temporarily_unavailable")
	if last.header.Get("Retry-After") == "" {
		t.Error("does not say when")
	}
	w.pass(time.Hour + time.Second)
	w.registered(w.register(web()))
}

func TestAnInitialAccessTokenIsForRegistrationAlone(t *testing.T) { // RFC 7591 §3, S28
	w := registering(t, oauth.RegistrationToken)
	many, one := w.initial(catalog.ScopeRegister), w.initial(catalog.ScopeRegisterOnce)
	w.bad(w.json("POST", "/register", many, web()), http.StatusForbidden, "access_denied") // the policy has not heard of it
	w.permit()
	for range 2 {
		w.registered(w.json("POST", "/register", many, web()))
	}
	w.bad(w.json("POST", "/register", one, web("grant_types", []string{"password"})), http.StatusBadRequest, "invalid_client_metadata")
	w.registered(w.json("POST", "/register", one, web())) // a mistake did not use it up
	w.bad(w.json("POST", "/register", one, web()), http.StatusUnauthorized, "invalid_token")
	other := w.good(w.post("/token", "svc", q("grant_type", "client_credentials", "resource", orders))).text("access_token")
	refused := w.json("POST", "/register", other, web())
	w.bad(refused, http.StatusUnauthorized, "invalid_token")
	if !strings.HasPrefix(refused.header.Get("WWW-Authenticate"), "Bearer ") {
		t.Error(refused.header)
	}
	if c := lastRegistered(w); c.Registered.By != "svc" {
		t.Errorf("%+v", c.Registered)
	}
}

func lastRegistered(w *world) (last *symbolon.Client) {
	for _, c := range w.catalog.Current().Clients() {
		if c.Registered != nil {
			last = c
		}
	}
	return last
}

func TestAClientManagesItsOwnRegistrationAlone(t *testing.T) { // RFC 7592
	w := registering(t, oauth.RegistrationOpen)
	mine, other := w.registered(w.register(web())), w.registered(w.register(web("client_name", "Other")))
	uri, raw := mine.text("registration_client_uri"), mine.text("registration_access_token")
	read := w.json("GET", uri, raw, nil)
	if read.status != http.StatusOK || read.text("client_name") != "RP" || read.text("registration_access_token") != raw || read.text("client_secret") != "" {
		t.Fatalf("%d %s", read.status, read.raw)
	}
	for name, bearer := range map[string]string{"another client's": other.text("registration_access_token"), "none": "", "made up": "symm_x",
		"its secret": mine.text("client_secret"), "well formed": token.NewOpaque(token.PrefixRegistration).Reveal()} {
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			if r := w.json(method, uri, bearer, web("client_id", mine.text("client_id"))); r.status != http.StatusUnauthorized || r.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s with %s: %d %s", method, name, r.status, r.raw)
			}
		}
	}
	w.bad(w.json("GET", iss+"/register/web", raw, nil), http.StatusUnauthorized, "invalid_token") // a declared client has none
	w.bad(w.json("GET", iss+"/register/gone", raw, nil), http.StatusUnauthorized, "invalid_token")

	id := mine.text("client_id")
	for name, body := range map[string]object{"no id": web(), "another's id": web("client_id", other.text("client_id")), "a chosen secret": web("client_id", id, "client_secret", "mine"),
		"a chosen token": web("client_id", id, "registration_access_token", raw), "a longer life": web("client_id", id, "client_secret_expires_at", 0)} {
		t.Run(name, func(t *testing.T) {
			w.in(t).bad(w.in(t).json("PUT", uri, raw, body), http.StatusBadRequest, "invalid_client_metadata")
		})
	}
	changed := w.json("PUT", uri, raw, object{"client_id": id, "client_secret": mine.text("client_secret"), "redirect_uris": []string{"https://rp.example/new"}})
	if changed.status != http.StatusOK || changed.text("client_name") != "" || changed.text("client_secret") != "" {
		t.Fatalf("%d %s", changed.status, changed.raw) // what is left out is gone
	}
	w.bad(w.json("PUT", uri, raw, web("client_id", id, "redirect_uris", []string{"javascript:x"})), http.StatusBadRequest, "invalid_redirect_uri")
	if r := w.json("DELETE", uri, raw, nil); r.status != http.StatusNoContent || r.raw != "" {
		t.Fatalf("%d %s", r.status, r.raw)
	}
	w.bad(w.json("GET", uri, raw, nil), http.StatusUnauthorized, "invalid_token")
	if w.events(symbolon.ClientDisabled) != 1 {
		t.Error("nobody hears that the client is gone")
	}
}

func TestADisabledClientDoesNotEnableItself(t *testing.T) {
	w := registering(t, oauth.RegistrationOpen)
	mine := w.registered(w.register(web()))
	c := *lastRegistered(w)
	c.Disabled = true
	w.put(symbolon.KindClient, string(c.ID), c)
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		w.bad(w.json(method, mine.text("registration_client_uri"), mine.text("registration_access_token"), web("client_id", string(c.ID))), http.StatusForbidden, "access_denied")
	}
}

func TestAnUpdateThatAsksForMoreIsJudgedAnew(t *testing.T) {
	w := registering(t, oauth.RegistrationOpen)
	mine := w.registered(w.register(web("scope", "openid")))
	uri, raw, id := mine.text("registration_client_uri"), mine.text("registration_access_token"), mine.text("client_id")
	w.put(symbolon.KindPolicy, "narrow", symbolon.Policy{ID: "narrow", Text: `forbid(principal, action == Action::"clients.register", resource) unless { ["openid"].containsAll(context.scopes) };`})
	w.bad(w.json("PUT", uri, raw, web("client_id", id, "scope", "openid email")), http.StatusForbidden, "access_denied")
	w.bad(w.json("PUT", uri, raw, web("client_id", id)), http.StatusForbidden, "access_denied") // the default is more, too
	if r := w.json("PUT", uri, raw, web("client_id", id, "scope", "openid", "client_name", "Renamed")); r.status != http.StatusOK || r.text("scope") != "openid" {
		t.Errorf("%d %s", r.status, r.raw)
	}
}

func TestSecretsThatEndAreRenewed(t *testing.T) { // RFC 7592 §3
	w := registering(t, oauth.RegistrationOpen, func(r *oauth.Registration) { r.SecretLife = 24 * time.Hour })
	mine := w.registered(w.register(web()))
	if mine.body["client_secret_expires_at"] != float64(w.clock().Add(24*time.Hour).Unix()) {
		t.Fatal(mine.raw)
	}
	uri, raw, body := mine.text("registration_client_uri"), mine.text("registration_access_token"), web("client_id", mine.text("client_id"))
	if r := w.json("PUT", uri, raw, body); r.text("client_secret") != "" {
		t.Error("a young secret is replaced")
	}
	w.pass(13 * time.Hour)
	r := w.json("PUT", uri, raw, body)
	if r.text("client_secret") == "" || r.body["client_secret_expires_at"] != float64(w.clock().Add(24*time.Hour).Unix()) {
		t.Fatal(r.raw)
	}
	if c := lastRegistered(w); len(c.Secrets) != 2 {
		t.Errorf("there is no overlap: %d", len(c.Secrets))
	}
	w.pass(12 * time.Hour)
	public := maps.Clone(body)
	public["token_endpoint_auth_method"] = "none"
	if r := w.json("PUT", uri, raw, public); r.status != http.StatusOK || len(lastRegistered(w).Secrets) != 0 {
		t.Error(r.raw)
	}
}

func TestSoftwareStatements(t *testing.T) { // RFC 7591 §2.3, §3.2.2
	w := registering(t, oauth.RegistrationOpen)
	vendor, stranger := newSigner("v"), newSigner("v")
	w.put(symbolon.KindOrganisation, "acme", symbolon.Organisation{ID: "acme", Trust: []symbolon.Trust{
		{Name: "vendor", Issuer: "https://vendor.example", JWKS: vendor.jwks(), Software: true}, {Name: "other", Issuer: "https://other.example", JWKS: vendor.jwks()}}})
	state := func(signer token.Signer, claims object) string { return must(token.Sign(signer, "JWT", claims)) }
	good := state(vendor, object{"iss": "https://vendor.example", "client_name": "Vouched", "redirect_uris": []string{"https://vouched.example/cb"}, "software_id": "s-1"})
	r := w.registered(w.register(web("software_statement", good)))
	if r.text("client_name") != "Vouched" || r.text("software_statement") != good || r.body["redirect_uris"].([]any)[0] != "https://vouched.example/cb" {
		t.Error(r.raw)
	}
	c, _ := w.catalog.Current().Client(symbolon.ClientID(r.text("client_id")))
	if c.Organisation != "acme" || c.Registered.Statement != "https://vendor.example" {
		t.Errorf("%+v", c)
	}
	uri, raw := r.text("registration_client_uri"), r.text("registration_access_token")
	w.bad(w.json("PUT", uri, raw, web("client_id", string(c.ID))), http.StatusBadRequest, "invalid_software_statement")
	if r := w.json("PUT", uri, raw, web("client_id", string(c.ID), "software_statement", good)); r.text("client_name") != "Vouched" {
		t.Error(r.raw)
	}
	for name, tt := range map[string]struct{ statement, code string }{
		"another's key":       {state(stranger, object{"iss": "https://vendor.example"}), "invalid_software_statement"},
		"not a JWT":           {"x", "invalid_software_statement"},
		"expired":             {state(vendor, object{"iss": "https://vendor.example", "exp": w.clock().Unix() - 1}), "invalid_software_statement"},
		"for another service": {state(vendor, object{"iss": "https://vendor.example", "aud": "https://other.example"}), "invalid_software_statement"},
		"an access token":     {must(token.Sign(vendor, token.TypeAccessToken, object{"iss": "https://vendor.example"})), "invalid_software_statement"},
		"nobody's":            {state(stranger, object{"iss": "https://stranger.example"}), "unapproved_software_statement"},
		"not for this":        {state(vendor, object{"iss": "https://other.example"}), "unapproved_software_statement"},
		"script":              {state(vendor, object{"iss": "https://vendor.example", "redirect_uris": []string{"javascript:x"}}), "invalid_redirect_uri"},
	} {
		t.Run(name, func(t *testing.T) {
			w.in(t).bad(w.in(t).register(web("software_statement", tt.statement)), http.StatusBadRequest, tt.code)
		})
	}
}

func FuzzRegister(f *testing.F) {
	w := newWorld(f)
	w.Handler = oauth.Handler(oauth.Config{Issuer: iss, Door: &door.Door{Log: slog.New(slog.DiscardHandler)}, Catalog: w.catalog,
		Clients: client.New(func() client.Clients { return w.catalog.Current() }, w.clock), Tokens: w.tokens, Keys: w.ring, Vault: w.vault, Clock: w.clock,
		Registration: oauth.Registration{Mode: oauth.RegistrationOpen, Scopes: []string{"openid"}, GrantTypes: code, Limit: 1 << 30, Store: w.db, Catalog: w.catalog}})
	f.Add(`{"redirect_uris":["https://rp.example/cb"]}`)
	f.Add(`{"redirect_uris":["com.example:/cb"],"application_type":"native","jwks":{"keys":[]},"contacts":["a@b"]}`)
	f.Fuzz(func(t *testing.T, body string) {
		w.pass(time.Minute)
		r := httptest.NewRequest("POST", "/register", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		if rec.Code != http.StatusCreated && rec.Code != http.StatusBadRequest && rec.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("%d %s", rec.Code, rec.Body)
		}
	})
}
