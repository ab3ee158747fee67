package oauth_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/grant"
	"symbolon.dev/token"
)

// holder is a client that has a key.
type holder struct {
	*world
	*token.Prover
	nonce string
}

func (w *world) holder() *holder { return &holder{w, must(token.NewProver(w.clock)), ""} }

// prove makes a proof for the token endpoint.
func (h *holder) prove() string { return must(h.Prove("POST", iss+"/token", "", h.nonce)) }

func (w *world) grants() *grant.Grants {
	return grant.New(grant.Config{Issuer: iss, Store: w.db, Catalog: w.catalog, Tokens: w.tokens, Vault: w.vault, Clock: w.clock})
}

// shown adds proofs to a request.
func (w *world) shown(clientID string, v url.Values, proofs ...string) reply {
	w.t.Helper()
	if clientID == "native" || clientID == "bound-native" {
		v.Set("client_id", clientID)
	}
	r := httptest.NewRequest("POST", "/token", strings.NewReader(v.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if v.Get("client_id") == "" {
		r.SetBasicAuth(clientID, secret)
	}
	r.Header["Dpop"] = proofs
	return w.send(r)
}

func (w *world) bindings() {
	w.put(symbolon.KindClient, "bound", symbolon.Client{ID: "bound", Secrets: secrets, GrantTypes: []string{grant.TypeClientCredentials},
		Scopes: []string{"read"}, ClientBinding: symbolon.ClientBinding{DPoPBound: true}})
	w.put(symbolon.KindClient, "careful", symbolon.Client{ID: "careful", Secrets: secrets, GrantTypes: []string{grant.TypeClientCredentials},
		Scopes: []string{"read"}, ClientBinding: symbolon.ClientBinding{DPoPBound: true, DPoPNonce: true}})
	w.put(symbolon.KindClient, "certified", symbolon.Client{ID: "certified", Secrets: secrets, GrantTypes: []string{grant.TypeClientCredentials},
		Scopes: []string{"read"}, ClientBinding: symbolon.ClientBinding{CertificateBound: true}})
	for _, binding := range []string{"dpop", "mtls", "any"} {
		w.put(symbolon.KindResource, binding, symbolon.Resource{ID: symbolon.ResourceID(binding), Identifier: "https://" + binding + ".example",
			Scopes: []symbolon.Scope{{Name: "read"}}, Token: symbolon.TokenRule{Binding: binding}})
	}
	w.put(symbolon.KindPolicy, "bindings", symbolon.Policy{ID: "bindings", Text: `
		@id("all-services") permit(principal, action == Action::"issue", resource);
		@id("all-exchanges") permit(principal, action == Action::"exchange", resource);`})
}

func service(resource string) url.Values {
	return q("grant_type", "client_credentials", "resource", resource, "scope", "read")
}

func (w *world) cnf(r reply) *token.Confirmation {
	w.t.Helper()
	claims, err := w.tokens.Open(ctx, r.text("access_token"))
	w.check(err)
	return claims.Confirmation
}

// S31; RFC 9449 §5: who proves a key gets a token that is bound to it, opaque or JWT, and may say so
// to nobody else's profit.
func TestAProvenKeyBindsTheToken(t *testing.T) {
	w := newWorld(t)
	w.bindings()
	h := w.holder()
	for _, resource := range []string{orders, billing} {
		got := w.shown("svc", service(resource), h.prove())
		if got.status != http.StatusOK || got.text("token_type") != "DPoP" || w.cnf(got).JKT != h.JKT() {
			t.Fatalf("%d %s", got.status, got.raw)
		}
	}
	if got := w.good(w.post("/token", "svc", service(orders))); w.cnf(got) != nil {
		t.Error("a bearer token stays one")
	}
	jwt := w.shown("svc", service(orders), h.prove())
	if cnf, _ := jwtClaims(t, jwt.text("access_token"))["cnf"].(map[string]any); cnf["jkt"] != h.JKT() {
		t.Errorf("cnf %v", cnf)
	}
	seen := w.post("/introspect", "orders", q("token", jwt.text("access_token")))
	if cnf, _ := seen.body["cnf"].(map[string]any); seen.text("token_type") != "DPoP" || cnf["jkt"] != h.JKT() {
		t.Errorf("introspection %s", seen.raw)
	}
}

// S15, S18, S31: proofs that do not hold give nothing.
func TestBadProofsGiveNoToken(t *testing.T) {
	w := newWorld(t)
	w.bindings()
	h, other := w.holder(), must(token.NewProver(w.clock))
	used := h.prove()
	if got := w.shown("svc", service(orders), used); got.status != http.StatusOK {
		t.Fatal(got.raw)
	}
	old := h.prove()
	w.pass(token.ProofAge)
	for name, proofs := range map[string][]string{
		"used": {used}, "old": {old}, "two": {h.prove(), must(other.Prove("POST", iss+"/token", "", ""))}, "empty": {""}, "a list": {h.prove() + "," + h.prove()},
		"GET":     {must(h.Prove("GET", iss+"/token", "", ""))},
		"by Host": {must(h.Prove("POST", "http://example.com/token", "", ""))}, // what httptest puts into Host
		"http":    {must(h.Prove("POST", "http://id.example/token", "", ""))},
		"path":    {must(h.Prove("POST", iss+"/token/", "", ""))},
		"other":   {must(h.Prove("POST", "https://evil.example/token", "", ""))},
	} {
		t.Run(name, func(t *testing.T) {
			w.in(t).bad(w.shown("svc", service(orders), proofs...), http.StatusBadRequest, "invalid_dpop_proof")
		})
	}
	fresh := h.prove()
	if got := w.shown("svc", service("https://nowhere.example"), fresh); got.status != http.StatusBadRequest {
		t.Fatal(got.raw)
	}
	w.bad(w.shown("svc", service(orders), fresh), http.StatusBadRequest, "invalid_dpop_proof") // used up, whatever came of it
}

// S27, S31; RFC 9449 §5.2: what has to be bound is not issued as a bearer token.
func TestWhatHasToBeBoundIsNeverABearerToken(t *testing.T) {
	w := newWorld(t)
	w.bindings()
	h := w.holder()
	w.bad(w.shown("bound", service(orders)), http.StatusBadRequest, "invalid_dpop_proof")
	w.bad(w.shown("svc", service("https://dpop.example")), http.StatusBadRequest, "invalid_dpop_proof")
	w.bad(w.shown("svc", service("https://mtls.example")), http.StatusBadRequest, "invalid_request")
	w.bad(w.shown("svc", service("https://mtls.example"), h.prove()), http.StatusBadRequest, "invalid_request")
	w.bad(w.shown("svc", service("https://any.example")), http.StatusBadRequest, "invalid_request")
	w.bad(w.shown("certified", service(orders)), http.StatusBadRequest, "invalid_request")
	for _, c := range []struct{ client, resource string }{{"bound", orders}, {"svc", "https://dpop.example"}, {"svc", "https://any.example"}} {
		if got := w.shown(c.client, service(c.resource), h.prove()); got.text("token_type") != "DPoP" {
			t.Errorf("%v: %s", c, got.raw)
		}
	}
}

// S31; RFC 8705 §3: a certificate of the connection binds where client or resource ask for that.
func TestACertificateBindsTheToken(t *testing.T) {
	w := newWorld(t)
	w.bindings()
	ask := func(client, resource string) reply {
		v := service(resource)
		r := httptest.NewRequest("POST", "/token", strings.NewReader(v.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(client, secret)
		r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{Raw: []byte("a certificate")}}}
		return w.send(r)
	}
	const thumbprint = "gazXYhQPppKhQoItL75NxvVLyqUB9oqzflru0Lr-TZk"
	for _, c := range []struct{ client, resource string }{{"certified", orders}, {"svc", "https://mtls.example"}, {"svc", "https://any.example"}} {
		got := w.good(ask(c.client, c.resource))
		if cnf := w.cnf(got); cnf == nil || cnf.X5TS256 != thumbprint || cnf.JKT != "" {
			t.Errorf("%v: %v", c, cnf)
		}
	}
	if got := w.good(ask("svc", orders)); w.cnf(got) != nil {
		t.Error("a certificate that nobody asked for binds nothing")
	}
}

// RFC 9449 §8: a nonce is asked for where it is required, judged wherever it is sent, and renewed.
func TestNoncesAtTheTokenEndpoint(t *testing.T) {
	w := newWorld(t)
	w.bindings()
	h := w.holder()
	first := w.shown("careful", service(orders), h.prove())
	w.bad(first, http.StatusBadRequest, "use_dpop_nonce")
	h.nonce = first.header.Get("DPoP-Nonce")
	if got := w.shown("careful", service(orders), h.prove()); got.text("token_type") != "DPoP" || got.header.Get("DPoP-Nonce") != "" {
		t.Fatalf("%s %v", got.raw, got.header)
	}
	w.pass(token.NonceLife / 2)
	got := w.shown("careful", service(orders), h.prove())
	if got.text("token_type") != "DPoP" || got.header.Get("DPoP-Nonce") == "" || got.header.Get("DPoP-Nonce") == h.nonce {
		t.Fatalf("%s %v", got.raw, got.header)
	}
	w.pass(token.NonceLife / 2)
	w.bad(w.shown("careful", service(orders), h.prove()), http.StatusBadRequest, "use_dpop_nonce")
	h.nonce = newWorld(t).holder().nonceOf("careful") // of another issuer
	w.bad(w.shown("careful", service(orders), h.prove()), http.StatusBadRequest, "use_dpop_nonce")
	w.bad(w.shown("svc", service(orders), h.prove()), http.StatusBadRequest, "use_dpop_nonce")
	h.nonce = ""
	if got := w.shown("svc", service(orders), h.prove()); got.text("token_type") != "DPoP" || got.header.Get("DPoP-Nonce") != "" {
		t.Fatalf("nobody asked for a nonce: %s %v", got.raw, got.header)
	}
}

func (h *holder) nonceOf(client string) string {
	h.bindings()
	return h.shown(client, service(orders), h.prove()).header.Get("DPoP-Nonce")
}

// S17, S19, S31; RFC 9449 §5, §10: codes and the refresh tokens of public clients belong to a key.
func TestCodesAndRefreshTokensBelongToTheirKey(t *testing.T) {
	w := newWorld(t)
	w.bindings()
	h, thief := w.holder(), w.holder()
	redeem := func(dpopJKT string, proofs ...string) reply {
		code := must(w.grants().IssueCode(ctx, grant.Consented{Client: "native", RedirectURI: "http://127.0.0.1/cb", Challenge: challenge,
			DPoPJKT: dpopJKT, Scopes: []string{"read"}, Resources: []symbolon.ResourceID{"notes"}, Session: w.browser().login(symbolon.ACRSingle).session}))
		return w.shown("native", q("grant_type", "authorization_code", "code", code.Reveal(), "redirect_uri", "http://127.0.0.1/cb", "code_verifier", verifier), proofs...)
	}
	w.bad(redeem(h.JKT()), http.StatusBadRequest, "invalid_grant")
	w.bad(redeem(h.JKT(), thief.prove()), http.StatusBadRequest, "invalid_grant")
	given := redeem(h.JKT(), h.prove())
	if given.text("token_type") != "DPoP" || given.text("refresh_token") == "" {
		t.Fatal(given.raw)
	}
	refresh := func(raw string, proofs ...string) reply {
		return w.shown("native", q("grant_type", "refresh_token", "refresh_token", raw), proofs...)
	}
	first := given.text("refresh_token")
	w.bad(refresh(first), http.StatusBadRequest, "invalid_grant")
	w.bad(refresh(first, thief.prove()), http.StatusBadRequest, "invalid_grant")
	second := refresh(first, h.prove())
	if second.text("token_type") != "DPoP" || w.cnf(second).JKT != h.JKT() {
		t.Fatal(second.raw)
	}
	w.pass(time.Minute)
	w.bad(refresh(first, thief.prove()), http.StatusBadRequest, "invalid_grant") // a replay without the key ends nothing
	w.bad(refresh(second.text("refresh_token"), thief.prove()), http.StatusBadRequest, "invalid_grant")
	if third := refresh(second.text("refresh_token"), h.prove()); third.text("token_type") != "DPoP" {
		t.Fatal(third.raw)
	}

	unbound := redeem("")
	w.good(unbound)
	bound := refresh(unbound.text("refresh_token"), h.prove()) // from the first proof on
	if bound.text("token_type") != "DPoP" {
		t.Fatal(bound.raw)
	}
	w.bad(refresh(bound.text("refresh_token")), http.StatusBadRequest, "invalid_grant")
}

// RFC 9449 §10.1: a proof that is pushed along binds the code as dpop_jkt would.
func TestAPushedProofBindsTheCode(t *testing.T) {
	w := newWorld(t)
	h, thief := w.holder(), w.holder()
	push := func(v url.Values, proofs ...string) reply {
		r := httptest.NewRequest("POST", "/par", strings.NewReader(v.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth("first", secret)
		r.Header["Dpop"] = proofs
		return w.send(r)
	}
	at := func(by *holder) string { return must(by.Prove("POST", iss+"/par", "", "")) }
	w.bad(push(request("dpop_jkt", thief.JKT()), at(h)), http.StatusBadRequest, "invalid_dpop_proof")
	w.bad(push(request(), h.prove()), http.StatusBadRequest, "invalid_dpop_proof") // made for the token endpoint
	pushed := push(request(), at(h))
	if pushed.status != http.StatusCreated {
		t.Fatal(pushed.raw)
	}
	code := w.browser().login(symbolon.ACRSingle).code(q("client_id", "first", "request_uri", pushed.text("request_uri")))
	redeem := func(proofs ...string) reply {
		return w.shown("first", q("grant_type", "authorization_code", "code", code, "redirect_uri", "https://first.example/cb", "code_verifier", verifier), proofs...)
	}
	w.bad(redeem(), http.StatusBadRequest, "invalid_grant")
	w.bad(redeem(thief.prove()), http.StatusBadRequest, "invalid_grant")
	if got := redeem(h.prove()); got.text("token_type") != "DPoP" {
		t.Fatal(got.raw)
	}
}

// A client that authenticates may change its key (RFC 9449 §5).
func TestAConfidentialClientMayChangeItsKey(t *testing.T) {
	w := newWorld(t)
	h, next := w.holder(), w.holder()
	code := w.browser().login(symbolon.ACRSingle).code(request())
	given := w.shown("first", q("grant_type", "authorization_code", "code", code, "redirect_uri", "https://first.example/cb", "code_verifier", verifier), h.prove())
	renewed := w.shown("first", q("grant_type", "refresh_token", "refresh_token", given.text("refresh_token")), next.prove())
	if renewed.text("token_type") != "DPoP" || w.cnf(renewed).JKT != next.JKT() {
		t.Fatal(renewed.raw)
	}
}

// S29, S31: an exchange binds what it makes to whoever it makes it for, and never unbinds.
func TestAnExchangeNeverUnbinds(t *testing.T) {
	w := newWorld(t)
	w.bindings()
	h, server := w.holder(), w.holder()
	subject := w.shown("svc", service(orders), h.prove()).text("access_token")
	swap := func(proofs ...string) reply {
		return w.shown("orders", q("grant_type", grant.TypeExchange, "subject_token", subject, "subject_token_type",
			"urn:ietf:params:oauth:token-type:access_token", "resource", billing), proofs...)
	}
	w.bad(swap(), http.StatusBadRequest, "invalid_request")
	got := swap(server.prove())
	if got.text("token_type") != "DPoP" || w.cnf(got).JKT != server.JKT() {
		t.Fatal(got.raw)
	}
	subject = w.good(w.post("/token", "svc", service(orders))).text("access_token")
	w.good(swap())
	if got := swap(server.prove()); got.text("token_type") != "DPoP" {
		t.Error("a proof binds, wherever the subject token came from:", got.raw)
	}
}

// S31; RFC 9449 §7: our own resource takes a bound token with its proof, once, and not otherwise.
func TestUserinfoTakesBoundTokens(t *testing.T) {
	w := newWorld(t)
	h, thief := w.holder(), w.holder()
	code := w.browser().login(symbolon.ACRSingle).code(request("resource", "", "scope", "openid"))
	redeem := q("grant_type", "authorization_code", "code", code, "redirect_uri", "https://first.example/cb", "code_verifier", verifier)
	raw := w.shown("first", redeem, h.prove()).text("access_token")
	get := func(scheme string, proofs ...string) reply {
		r := httptest.NewRequest("GET", "/userinfo", nil)
		r.Header.Set("Authorization", scheme+" "+raw)
		r.Header["Dpop"] = proofs
		return w.send(r)
	}
	refused := func(got reply, code, scheme string) {
		t.Helper()
		challenge := got.header.Get("WWW-Authenticate")
		if got.status != http.StatusUnauthorized || !strings.HasPrefix(challenge, scheme+" ") || !strings.Contains(challenge, `error="`+code+`"`) || !strings.Contains(challenge, `algs="ES256 `) {
			t.Errorf("%d %s %s", got.status, challenge, got.raw)
		}
	}
	at := func(p *token.Prover, address, accessToken string) string {
		return must(p.Prove("GET", address, accessToken, ""))
	}
	good := at(h.Prover, iss+"/userinfo", raw)
	if got := get("DPoP", good); got.status != http.StatusOK || got.text("sub") != string(w.ada.ID) {
		t.Fatalf("%d %s", got.status, got.raw)
	}
	refused(get("DPoP", good), "invalid_dpop_proof", "DPoP")
	refused(get("DPoP"), "invalid_dpop_proof", "DPoP")
	refused(get("DPoP", at(h.Prover, iss+"/userinfo", "")), "invalid_dpop_proof", "DPoP")
	refused(get("DPoP", at(h.Prover, "http://example.com/userinfo", raw)), "invalid_dpop_proof", "DPoP")
	refused(get("DPoP", at(thief.Prover, iss+"/userinfo", raw)), "invalid_token", "DPoP")
	refused(get("Bearer"), "invalid_token", "Bearer")
	refused(get("Bearer", at(h.Prover, iss+"/userinfo", raw)), "invalid_token", "Bearer")
	raw = w.good(w.redeem("first", w.browser().login(symbolon.ACRSingle).code(request("resource", "", "scope", "openid")))).text("access_token")
	refused(get("DPoP", at(h.Prover, iss+"/userinfo", raw)), "invalid_token", "DPoP")
}

// A browser's script may read what it needs for the next proof.
func TestScriptsMayReadTheNonce(t *testing.T) {
	w := newWorld(t)
	exposed := strings.Split(w.post("/token", "svc", service(orders)).header.Get("Access-Control-Expose-Headers"), ", ")
	if !slices.Contains(exposed, "DPoP-Nonce") {
		t.Error(exposed)
	}
}
