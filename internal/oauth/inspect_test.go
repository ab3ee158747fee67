package oauth_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/grant"
	"symbolon.dev/internal/oauth"
)

// forOrders is a token of a service for the resource orders, with all its scopes.
func (w *world) forOrders() string {
	w.t.Helper()
	return w.good(w.post("/token", "svc", q("grant_type", grant.TypeClientCredentials, "resource", orders, "scope", "read write"))).text("access_token")
}

func (w *world) exchange(client, subject string, pairs ...string) reply {
	w.t.Helper()
	return w.post("/token", client, q(append([]string{"grant_type", grant.TypeExchange, "subject_token", subject,
		"subject_token_type", "urn:ietf:params:oauth:token-type:access_token", "resource", billing}, pairs...)...))
}

// S12, S29: a service carries its caller on, and no more than it was given.
func TestExchange(t *testing.T) {
	w := newWorld(t)
	subject := w.forOrders()
	r := w.good(w.exchange("orders", subject))
	if r.text("issued_token_type") != "urn:ietf:params:oauth:token-type:access_token" || r.text("scope") != "read" || r.text("refresh_token") != "" {
		t.Fatal(r.raw)
	}
	claims, err := w.tokens.Open(ctx, r.text("access_token"))
	w.check(err)
	if claims.Subject != "svc" || claims.ClientID != "orders" || claims.Audience[0] != billing || claims.Actor.Subject != "orders" {
		t.Fatalf("%+v", claims)
	}
	w.good(w.exchange("orders", subject, "resource", "", "audience", "billing"))
	w.good(w.exchange("orders", subject, "audience", "billing", "subject_token_type", "urn:ietf:params:oauth:token-type:jwt"))
	opaque := r.text("access_token")
	for name, c := range map[string]struct {
		client, subject, code string
		pairs                 []string
	}{
		"no subject":                {"orders", "", "invalid_request", nil},
		"no subject type":           {"orders", subject, "invalid_request", []string{"subject_token_type", ""}},
		"an ID token":               {"orders", subject, "invalid_request", []string{"subject_token_type", "urn:ietf:params:oauth:token-type:id_token"}},
		"a JWT that is none":        {"billing", opaque, "invalid_request", []string{"subject_token_type", "urn:ietf:params:oauth:token-type:jwt"}},
		"made up":                   {"orders", "x.y.z", "invalid_request", nil},
		"alg none":                  {"orders", unsigned(subject), "invalid_request", nil},
		"an actor token":            {"orders", subject, "invalid_request", []string{"actor_token", subject, "actor_token_type", "urn:ietf:params:oauth:token-type:access_token"}},
		"an actor type without one": {"orders", subject, "invalid_request", []string{"actor_token_type", "x"}},
		"a refresh token wanted":    {"orders", subject, "invalid_request", []string{"requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"}},
		"a JWT where opaque is due": {"orders", subject, "invalid_request", []string{"requested_token_type", "urn:ietf:params:oauth:token-type:jwt"}},
		"no target":                 {"orders", subject, "invalid_target", []string{"resource", ""}},
		"unknown target":            {"orders", subject, "invalid_target", []string{"resource", "https://nowhere.example"}},
		"two targets":               {"orders", subject, "invalid_target", []string{"audience", "notes"}},
		"target that policy keeps":  {"orders", subject, "invalid_target", []string{"resource", notes}},
		"more scope":                {"orders", subject, "invalid_scope", []string{"scope", "admin"}},
		"somebody else's token":     {"billing", subject, "invalid_request", nil},
		"a stolen token":            {"stranger", subject, "invalid_request", nil},
		"client without this grant": {"svc", subject, "unauthorized_client", nil},
	} {
		t.Run(name, func(t *testing.T) {
			w.in(t).bad(w.exchange(c.client, c.subject, c.pairs...), 400, c.code)
		})
	}
	w.pass(11 * time.Minute)
	w.bad(w.exchange("orders", subject), 400, "invalid_request")
}

// unsigned strips a JWT of its signature and says that it has none.
func unsigned(jwt string) string {
	return "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0." + strings.Split(jwt, ".")[1] + "."
}

// S23: whoever is not entitled to know learns nothing.
func TestIntrospection(t *testing.T) {
	w := newWorld(t)
	raw := w.forOrders()
	ask := func(client, raw string, header ...string) reply {
		return w.post("/introspect", client, q("token", raw), header...)
	}
	r := ask("orders", raw)
	if r.status != 200 || r.body["active"] != true || r.text("sub") != "svc" || r.text("aud") != orders || r.text("client_id") != "svc" ||
		r.text("scope") != "read write" || r.text("token_type") != "Bearer" || r.header.Get("Cache-Control") != "no-store" {
		t.Fatal(r.status, r.raw)
	}
	for name, r := range map[string]reply{
		"another service":  ask("billing", raw),
		"its own client":   ask("svc", raw),
		"made up":          ask("orders", "syma_x"),
		"not a token":      ask("orders", "x"),
		"alg none":         ask("orders", unsigned(raw)),
		"a refresh token?": ask("orders", "symr_x"),
	} {
		if r.status != 200 || strings.TrimSpace(r.raw) != `{"active":false}` {
			t.Fatal(name, r.status, r.raw)
		}
	}
	w.bad(ask("", raw), 401, "invalid_client")
	w.bad(ask("native", raw), 401, "invalid_client")
	w.bad(ask("orders", ""), 400, "invalid_request")
	signed := ask("orders", raw, "Accept", "application/json;q=0.5, application/token-introspection+jwt")
	claims := jwtClaims(t, signed.raw)
	inner, _ := claims["token_introspection"].(map[string]any)
	if signed.header.Get("Content-Type") != "application/token-introspection+jwt" || claims["iss"] != iss || claims["aud"] != "orders" || inner["active"] != true || claims["sub"] != nil {
		t.Fatal(signed.header, claims)
	}
	if r := ask("orders", raw, "Accept", "application/token-introspection+jwt;q=0, */*"); r.body["active"] != true {
		t.Fatal(r.raw)
	}
}

// S20
func TestRevocation(t *testing.T) {
	w := newWorld(t)
	b := w.browser().login(symbolon.ACRSingle)
	r := w.good(w.redeem("first", b.code(request())))
	give := func(client, raw string, pairs ...string) reply {
		return w.post("/revoke", client, q(append([]string{"token", raw}, pairs...)...))
	}
	w.bad(give("web", r.text("access_token")), 400, "invalid_grant")
	w.bad(give("web", r.text("refresh_token")), 400, "invalid_grant")
	w.bad(give("", r.text("access_token")), 401, "invalid_client")
	w.bad(give("first", ""), 400, "invalid_request")
	for _, unknown := range []string{"x", "syma_x", "symr_x", "a.b.c"} {
		if got := give("first", unknown, "token_type_hint", "nonsense"); got.status != 200 {
			t.Fatal(got.status, got.raw)
		}
	}
	if got := give("first", r.text("access_token"), "token_type_hint", "refresh_token"); got.status != 200 || w.opens(r.text("access_token")) {
		t.Fatal(got.status, got.raw)
	}
	again := w.good(w.refresh("first", r.text("refresh_token")))
	if got := give("first", again.text("refresh_token")); got.status != 200 || w.opens(again.text("access_token")) {
		t.Fatal("a refresh token ends the authorization", got.raw)
	}
	w.bad(w.refresh("first", again.text("refresh_token")), 400, "invalid_grant")
}

func (w *world) bearer(method, raw string) reply {
	w.t.Helper()
	r := httptest.NewRequest(method, "/userinfo", nil)
	if raw != "" {
		r.Header.Set("Authorization", "Bearer "+raw)
	}
	return w.send(r)
}

func TestUserinfo(t *testing.T) {
	w := newWorld(t)
	b := w.browser().login(symbolon.ACRSingle)
	get := func(scope string) string {
		return w.good(w.redeem("first", b.code(request("scope", scope, "resource", "")))).text("access_token")
	}
	for _, method := range []string{"GET", "POST"} {
		r := w.bearer(method, get("openid profile email"))
		if r.status != 200 || r.text("sub") != string(w.ada.ID) || r.text("name") != "Ada L." || r.text("email") != "ada@example.com" {
			t.Fatal(r.status, r.raw)
		}
	}
	if r := w.bearer("GET", get("openid")); r.status != 200 || r.body["email"] != nil || r.body["name"] != nil {
		t.Fatal(r.raw)
	}
	none := w.bearer("GET", "")
	if none.status != 401 || strings.Contains(none.header.Get("WWW-Authenticate"), "error") || !strings.HasPrefix(none.header.Get("WWW-Authenticate"), "Bearer ") {
		t.Fatal(none.status, none.header)
	}
	elsewhere := w.good(w.redeem("first", b.code(request()))).text("access_token") // for notes
	for name, raw := range map[string]string{"made up": "x", "another audience": elsewhere, "a service": w.forOrders()} {
		r := w.bearer("GET", raw)
		if r.status != 401 || r.text("error") != "invalid_token" || !strings.Contains(r.header.Get("WWW-Authenticate"), `error="invalid_token"`) {
			t.Fatal(name, r.status, r.raw)
		}
	}
}

// What is published is what is served.
func TestMetadata(t *testing.T) {
	w := newWorld(t)
	get := func(path string) reply { return w.send(httptest.NewRequest("GET", path, nil)) }
	oidc, oauth2 := get("/.well-known/openid-configuration"), get("/.well-known/oauth-authorization-server")
	for _, one := range []reply{oidc, oauth2} { // RFC 8414 §2.1
		claims := w.signedByUs(one.text("signed_metadata"))
		if delete(one.body, "signed_metadata"); claims["iss"] != iss || claims["token_endpoint"] != one.body["token_endpoint"] || claims["signed_metadata"] != nil {
			t.Fatal(claims)
		}
	}
	if oidc.status != 200 || !reflect.DeepEqual(oidc.body, oauth2.body) || oidc.text("issuer") != iss {
		t.Fatal(oidc.status, oidc.raw)
	}
	for name, value := range oidc.body {
		at, isText := value.(string)
		if !isText || !strings.HasSuffix(name, "_endpoint") && name != "jwks_uri" {
			continue
		}
		path := strings.TrimPrefix(at, iss)
		if name != "end_session_endpoint" && !slices.Contains(oauth.Paths, path) {
			t.Errorf("%s names %s, which is not served", name, at)
		}
	}
	for _, name := range []string{"code_challenge_methods_supported", "acr_values_supported", "prompt_values_supported", "subject_types_supported",
		"id_token_signing_alg_values_supported", "introspection_signing_alg_values_supported", "scopes_supported", "claims_supported"} {
		if list, _ := oidc.body[name].([]any); len(list) == 0 {
			t.Errorf("%s is missing", name)
		}
	}
	if oidc.body["authorization_response_iss_parameter_supported"] != true || oidc.body["request_parameter_supported"] != true || oidc.body["claims_parameter_supported"] != true ||
		oidc.body["nonce_in_place_of_pkce_supported"] != true || strings.Contains(oidc.raw, "orders") {
		t.Fatal(oidc.raw)
	}
	for _, grantType := range oidc.body["grant_types_supported"].([]any) {
		if r := w.post("/token", "svc", q("grant_type", grantType.(string))); r.text("error") == "unsupported_grant_type" {
			t.Errorf("%s is published and not served", grantType)
		}
	}
	keys := get("/jwks")
	var set struct{ Keys []map[string]string }
	w.check(json.Unmarshal([]byte(keys.raw), &set))
	if len(set.Keys) == 0 || set.Keys[0]["d"] != "" || !strings.Contains(keys.header.Get("Cache-Control"), "max-age") {
		t.Fatal(keys.raw)
	}
}

func TestScriptsOfOtherOriginsMayCallWhatNeedsNoCookie(t *testing.T) {
	w := newWorld(t)
	for _, path := range oauth.Paths {
		r := httptest.NewRequest(http.MethodOptions, path, nil)
		r.Header.Set("Origin", "https://spa.example")
		r.Header.Set("Access-Control-Request-Method", "POST")
		got := w.send(r)
		open := got.header.Get("Access-Control-Allow-Origin") == "*"
		if want := !slices.Contains([]string{"/authorize", "/introspect", "/bc-authorize", "/register", "/register/"}, path); open != want || got.header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: %v", path, got.header)
		}
	}
	if r := w.post("/token", "svc", url.Values{}, "Origin", "https://spa.example"); r.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Fatal(r.header)
	}
}

// When the store is down, nobody gets anything, and is told to come again.
func TestNoStoreNoTokens(t *testing.T) {
	w := newWorld(t)
	got := w.browser().login(symbolon.ACRSingle).code(request())
	w.check(w.db.Close())
	r := w.redeem("first", got)
	if r.status < 500 || r.text("access_token") != "" {
		t.Fatal(r.status, r.raw)
	}
	if back := w.browser().get("/authorize?" + request().Encode()); back.Code != 303 || !strings.HasPrefix(back.Header().Get("Location"), iss+"/login") {
		t.Fatal(back.Code)
	}
}
