package grant_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/grant"
	"symbolon.dev/internal/store/storetest"
	"symbolon.dev/token"
)

const partner = "https://id.delta.example"

// trusts has delta's issuer believed about delta's people, by svc and at notes.
func (h *house) trusts(keys json.RawMessage, change ...func(*symbolon.AssertionRule)) {
	h.t.Helper()
	rule := &symbolon.AssertionRule{Clients: []symbolon.ClientID{"svc"}, Resources: []symbolon.ResourceID{"notes"}, People: "login"}
	for _, one := range change {
		one(rule)
	}
	h.put(edit(symbolon.KindOrganisation, symbolon.Organisation{ID: "delta", Trust: []symbolon.Trust{
		{Name: "own", Issuer: partner, JWKS: keys, Assertions: rule}}}))
}

// says makes the claims of an assertion about bob, with changes; nil removes one.
func (h *house) says(pairs ...any) map[string]any {
	now := h.clock().Unix()
	c := map[string]any{"iss": partner, "sub": "bob", "aud": iss, "exp": now + 300, "iat": now, "jti": symbolon.NewRequestID()}
	for i := 0; i+1 < len(pairs); i += 2 {
		if c[pairs[i].(string)] = pairs[i+1]; pairs[i+1] == nil {
			delete(c, pairs[i].(string))
		}
	}
	return c
}

func (h *house) presents(clientID, assertion string, pairs ...string) reply {
	h.t.Helper()
	return h.call("/token", clientID, q(append([]string{"grant_type", grant.TypeJWTBearer, "assertion", assertion, "resource", notes, "scope", "read"}, pairs...)...))
}

// S13, S14: a partner's issuer says who somebody is, and policy decides what that gives.
func TestAnAssertionOfATrustedIssuer(t *testing.T) {
	h := open(t)
	delta := newSigner("d1")
	h.trusts(delta.jwks())
	assertion := must(token.Sign(delta, "JWT", h.says()))
	got := h.good(h.presents("svc", assertion))
	claims := must(h.tokens.Open(ctx, got.text("access_token")))
	if claims.Subject != string(h.bob.ID) || claims.Kind != token.KindUser || claims.ACR != "" || claims.ClientID != "svc" || claims.Authorization == "" || got.text("refresh_token") != "" {
		t.Fatalf("%+v %s", claims, got.raw)
	}
	h.bad(h.presents("svc", assertion), 400, "invalid_grant")
	h.check(h.db.Commit(ctx, symbolon.Revoke{Revocation: symbolon.Revocation{Target: claims.Authorization}}))
	if h.opens(got.text("access_token")) {
		t.Fatal("what an assertion gave cannot be taken back")
	}

	h.trusts(delta.jwks(), func(r *symbolon.AssertionRule) { r.People, r.Services = "", true })
	own := h.good(h.presents("svc", must(token.Sign(delta, "", h.says("sub", "svc")))))
	if claims := must(h.tokens.Open(ctx, own.text("access_token"))); claims.Subject != "svc" || claims.Kind != token.KindService {
		t.Fatalf("%+v", claims)
	}
	h.bad(h.presents("svc", must(token.Sign(delta, "JWT", h.says()))), 400, "invalid_grant")
	h.put(edit(symbolon.KindPolicy, symbolon.Policy{ID: "shut", Text: `@id("shut") forbid(principal, action == Action::"exchange", resource);`}))
	h.bad(h.presents("svc", must(token.Sign(delta, "JWT", h.says("sub", "svc")))), 400, "invalid_target")
}

// Attack: every way to bend an assertion. RFC 7523 §3, RFC 8725.
func TestAssertionsThatAreRefused(t *testing.T) {
	h := open(t)
	delta, stranger := newSigner("d1"), newSigner("d1")
	h.trusts(delta.jwks())
	now := h.clock().Unix()
	sign := func(typ string, c any) string { return must(token.Sign(delta, typ, c)) }
	cases := map[string]struct{ client, assertion, code string }{
		"another key":                   {"svc", must(token.Sign(stranger, "JWT", h.says())), "invalid_grant"},
		"an issuer nobody trusts":       {"svc", sign("JWT", h.says("iss", "https://evil.example")), "invalid_grant"},
		"ourselves":                     {"svc", sign("JWT", h.says("iss", iss)), "invalid_grant"},
		"for another service":           {"svc", sign("JWT", h.says("aud", "https://other.example")), "invalid_grant"},
		"for the token endpoint":        {"svc", sign("JWT", h.says("aud", iss+"/token")), "invalid_grant"},
		"for two services":              {"svc", sign("JWT", h.says("aud", []string{iss, "https://other.example"})), "invalid_grant"},
		"for nobody":                    {"svc", sign("JWT", h.says("aud", nil)), "invalid_grant"},
		"expired":                       {"svc", sign("JWT", h.says("exp", now)), "invalid_grant"},
		"without an end":                {"svc", sign("JWT", h.says("exp", nil)), "invalid_grant"},
		"valid for more than an hour":   {"svc", sign("JWT", h.says("exp", now+3601)), "invalid_grant"},
		"not valid yet":                 {"svc", sign("JWT", h.says("nbf", now+60)), "invalid_grant"},
		"of the future":                 {"svc", sign("JWT", h.says("iat", now+60)), "invalid_grant"},
		"without an id":                 {"svc", sign("JWT", h.says("jti", nil)), "invalid_grant"},
		"without a subject":             {"svc", sign("JWT", h.says("sub", nil)), "invalid_grant"},
		"about somebody unknown":        {"svc", sign("JWT", h.says("sub", "zoe")), "invalid_grant"},
		"about our own people":          {"svc", sign("JWT", h.says("sub", "ada")), "invalid_grant"},
		"about a service of ours":       {"svc", sign("JWT", h.says("sub", "svc")), "invalid_grant"},
		"of another client":             {"svc", sign("JWT", h.says("client_id", "desk")), "invalid_grant"},
		"an access token":               {"svc", sign("at+jwt", h.says()), "invalid_grant"},
		"a logout token":                {"svc", sign("logout+jwt", h.says()), "invalid_grant"},
		"an ID-JAG while it is off":     {"svc", sign("oauth-id-jag+jwt", h.says("client_id", "svc")), "invalid_grant"},
		"no JWT":                        {"svc", "x.y.z", "invalid_grant"},
		"nothing":                       {"svc", "", "invalid_request"},
		"by a client not registered so": {"desk", sign("JWT", h.says()), "unauthorized_client"},
	}
	for name, one := range cases {
		t.Run(name, func(t *testing.T) {
			in := *h
			in.t = t
			in.bad(in.presents(one.client, one.assertion), 400, one.code)
		})
	}
	other := symbolon.Client{ID: "other", Secrets: secrets, GrantTypes: []string{grant.TypeJWTBearer}, Scopes: all}
	h.put(edit(symbolon.KindClient, other))
	h.bad(h.presents("other", sign("JWT", h.says())), 400, "invalid_grant") // the declaration does not name it
	h.bad(h.presents("svc", sign("JWT", h.says()), "resource", payroll), 400, "invalid_target")
	h.bad(h.presents("svc", sign("JWT", h.says()), "scope", "root"), 400, "invalid_scope")
	h.good(h.presents("svc", sign("JWT", h.says())))
}

// S15: an assertion is good once, whichever replica it is shown to.
func TestAnAssertionIsGoodOnceAcrossReplicas(t *testing.T) {
	p := newPlan(storetest.PostgresURL(t))
	p.shared = true
	here, there := p.open(t), p.open(t)
	delta := newSigner("d1")
	here.trusts(delta.jwks())
	here.check(there.catalog.Reload(ctx))
	assertion := must(token.Sign(delta, "JWT", here.says()))
	here.good(here.presents("svc", assertion))
	there.bad(there.presents("svc", assertion), 400, "invalid_grant")
	here.pass(6 * time.Minute)
	there.bad(there.presents("svc", assertion), 400, "invalid_grant")
}

func enabled(c *grant.Config) { c.Enabled = []string{grant.DraftJAG} }

// S13: an ID-JAG that one house issues is accepted by another that trusts it, and nowhere else.
func TestAnIdentityAssertionGoesFromOneDomainToAnother(t *testing.T) {
	h := open(t, enabled)
	const chat = "https://auth.chat.example"
	h.put(edit(symbolon.KindResource, symbolon.Resource{ID: "chat", Identifier: chat, Scopes: []symbolon.Scope{{Name: "read"}},
		Foreign: map[symbolon.ClientID]string{"desk": "desk-there"}}),
		edit(symbolon.KindClient, symbolon.Client{ID: "desk", Secrets: secrets, GrantTypes: []string{grant.TypeCIBA, grant.TypeExchange}, Scopes: all}))
	id := h.asks("desk")
	b := h.browser().as(h.ada, symbolon.ACRPhishing)
	b.answers(b.get("/approve"), "/approve", "allow")
	login := h.good(h.collect("desk", id)).text("id_token")
	chain := func(clientID string, pairs ...string) reply {
		return h.call("/token", clientID, q(append([]string{"grant_type", grant.TypeExchange, "requested_token_type", grant.TypeJAG, "audience", chat,
			"resource", "https://api.chat.example", "scope", "read", "subject_token", login, "subject_token_type", "urn:ietf:params:oauth:token-type:id_token"}, pairs...)...))
	}
	got := chain("desk")
	if got.status != 200 || got.text("token_type") != "N_A" || got.text("issued_token_type") != grant.TypeJAG || got.text("refresh_token") != "" || got.text("scope") != "read" {
		t.Fatalf("%d %s", got.status, got.raw)
	}
	verifier := token.Verifier{Keys: h.ring, Types: []string{grant.TypeOfJAG}, Issuer: iss, Audience: chat, Clock: h.clock}
	claims := must(verifier.Verify(got.text("access_token")))
	if claims.Subject != string(h.ada.ID) || claims.ClientID != "desk-there" || claims.Extra["resource"] != "https://api.chat.example" || claims.ACR != "phr" || claims.ID == "" {
		t.Fatalf("%+v", claims)
	}
	if h.opens(got.text("access_token")) {
		t.Fatal("an assertion passes as an access token")
	}
	h.bad(h.presents("svc", got.text("access_token")), 400, "invalid_grant") // MUST NOT be taken by who issued it
	h.bad(chain("svc"), 400, "invalid_target")                               // no id there
	h.bad(chain("desk", "audience", notes), 400, "invalid_target")
	h.bad(chain("desk", "scope", "write"), 400, "invalid_scope")
	h.bad(chain("desk", "requested_token_type", ""), 400, "invalid_request")
	h.bad(h.call("/token", "svc", q("grant_type", grant.TypeClientCredentials, "resource", chat)), 400, "invalid_target")
	h.bad(h.ask("desk", "resource", chat), 400, "invalid_target")
	h.bad(chain("desk", "subject_token", got.text("access_token")), 400, "invalid_grant")
	h.check(h.sessions.End(ctx, b.session.ID, "test", "test", ""))
	h.bad(chain("desk"), 400, "invalid_grant")

	off := open(t)
	off.bad(off.call("/token", "svc", q("grant_type", grant.TypeExchange, "requested_token_type", grant.TypeJAG, "audience", chat,
		"subject_token", login, "subject_token_type", "urn:ietf:params:oauth:token-type:id_token")), 400, "invalid_request")
}

func TestAnIdentityAssertionIsAcceptedForItsClientAlone(t *testing.T) {
	h := open(t, enabled)
	delta := newSigner("d1")
	h.trusts(delta.jwks())
	jag := func(pairs ...any) string {
		return must(token.Sign(delta, grant.TypeOfJAG, h.says(append([]any{"client_id", "svc", "scope", "read", "resource", []string{notes}}, pairs...)...)))
	}
	got := h.good(h.presents("svc", jag(), "resource", "", "scope", ""))
	if got.text("scope") != "read" {
		t.Fatal(got.raw)
	}
	h.bad(h.presents("svc", jag("client_id", "desk")), 400, "invalid_grant")
	h.bad(h.presents("svc", jag("client_id", nil)), 400, "invalid_grant")
	h.bad(h.presents("svc", jag("iat", nil)), 400, "invalid_grant")
	h.bad(h.presents("svc", jag(), "scope", "write"), 400, "invalid_scope")
	h.bad(h.presents("svc", jag("resource", payroll)), 400, "invalid_target")
	if !strings.Contains(h.browser().get("/.well-known/oauth-authorization-server").raw, grant.TypeJAG) {
		t.Error("the metadata does not say that the draft is enabled")
	}
}
